import { expect, test } from 'vitest';
import type { CommandResult } from '../sandbox.ts';
import { githubCli } from '../tools/gh/github-cli.ts';
import { gitlabCli } from '../tools/glab/gitlab-cli.ts';
import { forgeCommand, includedAnswer, sendOverCli } from './send-over-cli.ts';

const TOKEN = 'github_pat_secret';
const forge = {
  url: 'https://api.github.com',
  egress: 'public' as const,
  token: TOKEN,
  repositories: '*' as const,
  name: 'main',
  where: 'connectors.gh.instances.main',
};
const HEADERS = { accept: 'application/vnd.github+json' };
const ended = (over: Partial<CommandResult>): CommandResult => ({
  exitCode: 1,
  stdout: '',
  stderr: '',
  durationMs: 1,
  stoppedBy: null,
  ...over,
});

test('the address is whole, the body comes on stdin, the token lies in a file of the call', () => {
  const json = { title: '-rf', body: '--hostname=attacker.example' };
  const request = { method: 'POST' as const, path: '/repos/acme/shop/pulls', json };
  const command = forgeCommand('/scratch', forge, githubCli, HEADERS, request);
  expect(command.argv).toEqual([
    'gh',
    'api',
    '--include',
    '--method=POST',
    '--header=accept: application/vnd.github+json',
    '--header=content-type: application/json',
    '--input=-',
    '--',
    'https://api.github.com/repos/acme/shop/pulls',
  ]);
  expect(JSON.parse(command.stdin ?? '')).toEqual(json);
  expect(command.egress).toEqual([{ host: 'api.github.com', port: 443, addresses: 'public' }]);
  expect(JSON.stringify([command.argv, command.env, command.stdin])).not.toContain(TOKEN);
  expect(command.env).toMatchObject({ HOME: '/scratch', GH_CONFIG_DIR: '/scratch' });
});

test('nothing in a query is a placeholder of gh', () => {
  const query = [['head', 'acme:owner'] as const, ['base', '{branch}'] as const];
  const { argv } = forgeCommand('/scratch', forge, githubCli, HEADERS, { method: 'GET', path: '/x', query });
  expect(argv.at(-1)).toBe('https://api.github.com/x?head=acme%3Aowner&base=%7Bbranch%7D');
});

test.each([
  ['https://api.github.com', 'github.com'],
  ['https://api.acme.ghe.com', 'acme.ghe.com'],
  ['https://github.acme.example:8443/api/v3', 'github.acme.example:8443'],
])('the token of %s is kept under %s', (url, host) => {
  const files = githubCli.files('/scratch', { ...forge, url });
  const hosts: unknown = JSON.parse(files.find(({ path }) => path.endsWith('/hosts.yml'))?.text ?? '');
  expect(hosts).toEqual({ [host]: { oauth_token: TOKEN, user: 'carapulse' } });
});

test.each([
  ['https://gitlab.com', 'gitlab.com', 'https://gitlab.com'],
  ['http://gitlab.acme.example:8443/git', 'gitlab.acme.example:8443', 'http://gitlab.acme.example:8443'],
])('glab finds the token of %s under %s, and asks nothing of its own', (url, host, origin) => {
  const at = { ...forge, url };
  const [config, ...others] = gitlabCli.files('/scratch', at);
  expect(others).toEqual([]);
  expect(config?.path).toBe('/scratch/config.yml');
  expect(JSON.parse(config?.text ?? '')).toEqual({
    check_update: false,
    telemetry: false,
    hosts: { [host]: { token: TOKEN } },
  });
  const { argv, env } = forgeCommand('/scratch', at, gitlabCli, HEADERS, { method: 'GET', path: '/x' });
  expect(argv.slice(0, 2)).toEqual(['glab', 'api']);
  expect(argv.at(-1)).toBe(`${url}/x`);
  expect(env).toMatchObject({ GLAB_CONFIG_DIR: '/scratch', GITLAB_HOST: origin, HOME: '/scratch' });
  expect(JSON.stringify([argv, env])).not.toContain(TOKEN);
});

test('what is included before the body is read once', () => {
  const body = '{"a":1}\n\nHTTP/1.1 500 Oops\nretry-after: 1\r\n\r\n';
  expect(
    includedAnswer(`HTTP/2.0 422 Unprocessable\nRetry-After: 60\r\nLink: <x>; a="b: c"\r\n\r\n${body}`),
  ).toEqual({
    status: 422,
    headers: { 'retry-after': '60', link: '<x>; a="b: c"' },
    body,
    truncated: false,
  });
  expect(includedAnswer('HTTP/1.1 204 No Content\n\r\n')).toMatchObject({
    status: 204,
    headers: {},
    body: '',
  });
  for (const text of ['', 'HTTP/1.1 200 OK', '{"status": 200}', 'gh: HTTP/1.1 200 OK\n\n'])
    expect(includedAnswer(text)).toBeNull();
});

const send = (result: CommandResult) =>
  sendOverCli(
    { scratch: '/scratch', exec: () => Promise.resolve(result) },
    forge,
    githubCli,
    HEADERS,
  )({ method: 'GET', path: '/user' });

test('a status is an answer whatever gh ended with', async () => {
  expect(await send(ended({ stdout: 'HTTP/1.1 404 Not Found\n\r\n{}' }))).toMatchObject({ status: 404 });
});

test.each([
  'Get "https://api.github.com/user": dial tcp 192.0.2.1:443: connect: connection refused',
  'error connecting to api.github.com',
  'Post "https://api.github.com/user": EOF',
])('%s: it is not reached, and may have happened', async (stderr) => {
  const failed = send(ended({ stderr: `${stderr} ${TOKEN}` }));
  await expect(failed).rejects.toMatchObject({
    code: 'unavailable',
    retryable: true,
    details: { class: 'transient' },
    message: expect.not.stringContaining(TOKEN) as string,
  });
});

test('anything else is a failure for good, with the words of gh', async () => {
  const failed = send(ended({ exitCode: 4, stderr: `To get started, run: gh auth login ${TOKEN}` }));
  await expect(failed).rejects.toMatchObject({
    code: 'tool_failed',
    retryable: false,
    message: 'gh api ended with 4 and gave no answer: To get started, run: gh auth login [redacted:token]',
    details: { class: 'permanent', exit_code: 4 },
  });
});
