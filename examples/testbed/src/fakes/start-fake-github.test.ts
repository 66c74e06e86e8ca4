import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask } from './client.testing.ts';
import { newGithubRepository, startFakeGithub, type FakeGithub } from './start-fake-github.ts';

const MAIN = 'a'.repeat(40);
const FIX = 'b'.repeat(40);
const PULLS = '/repos/acme/shop/pulls';

let github: FakeGithub;
beforeEach(async () => {
  github = await startFakeGithub();
  github.repositories.set('acme/shop', newGithubRepository({ main: MAIN, fix: FIX }));
});
afterEach(() => github.stop());

const as = (token: string, method: string, path: string, body?: object) =>
  ask(github, token, [method, path], body);
const writer = (method: string, path: string, body?: object) => as(github.tokens.writer, method, path, body);
const open = (head = 'fix') => writer('POST', PULLS, { title: 'Fix', body: 'why', head, base: 'main' });

test('a pull request is opened, found, its checks seen, and merged once at the commit that was reviewed', async () => {
  expect(await open()).toMatchObject({
    status: 201,
    body: { number: 1, state: 'open', head: { ref: 'fix', sha: FIX } },
  });
  expect(await writer('GET', `${PULLS}?head=acme:fix`)).toMatchObject({ body: [{ number: 1 }] });
  const repository = github.repositories.get('acme/shop');
  repository?.checks.set(FIX, [{ name: 'test', status: 'completed', conclusion: 'success' }]);
  expect(await writer('GET', '/repos/acme/shop/commits/fix/check-runs')).toMatchObject({
    body: { total_count: 1, check_runs: [{ name: 'test', conclusion: 'success', head_sha: FIX }] },
  });
  expect(await writer('PUT', `${PULLS}/1/merge`, { sha: MAIN })).toMatchObject({ status: 409 });
  const merged = await writer('PUT', `${PULLS}/1/merge`, { sha: FIX });
  expect(merged).toMatchObject({
    status: 200,
    body: { merged: true, sha: expect.stringMatching(/^[0-9a-f]{40}$/) },
  });
  expect(await writer('GET', `${PULLS}/1`)).toMatchObject({ body: { state: 'closed', merged: true } });
  expect(await writer('PUT', `${PULLS}/1/merge`, {})).toMatchObject({ status: 405 });
  expect(repository?.branches.get('main')).toBe((merged.body as { sha: string }).sha);
});

test('a push that brings a request’s commit to its base merges it; a branch that is gone is remembered', async () => {
  const tips = new Map([
    ['main', MAIN],
    ['fix', FIX],
  ]);
  const origin = { tips: () => tips, holds: (branch: string, commit: string) => tips.get(branch) === commit };
  github.repositories.set('acme/shop', newGithubRepository({}, origin));
  expect(await open()).toMatchObject({ status: 201, body: { head: { sha: FIX }, merged: false } });
  tips.delete('fix');
  expect(await writer('GET', `${PULLS}/1`)).toMatchObject({ body: { state: 'open', head: { sha: FIX } } });
  tips.set('main', FIX);
  expect(await writer('GET', `${PULLS}/1`)).toMatchObject({
    body: { state: 'closed', merged: true, merge_commit_sha: FIX },
  });
});

test('what GitHub refuses is refused with its words', async () => {
  await open();
  const errors = [
    { resource: 'PullRequest', code: 'custom', message: 'A pull request already exists for acme:fix.' },
  ];
  expect(await open()).toMatchObject({ status: 422, body: { message: 'Validation Failed', errors } });
  expect(await open('gone')).toMatchObject({
    status: 422,
    body: { errors: [{ code: 'invalid', field: 'head' }] },
  });
  expect(await writer('GET', '/repos/acme/private/pulls')).toMatchObject({
    status: 404,
    body: { message: 'Not Found' },
  });
  expect(await as('wrong', 'GET', PULLS)).toMatchObject({
    status: 401,
    body: { message: 'Bad credentials' },
  });
  expect(await as(github.tokens.reader, 'POST', PULLS, {})).toMatchObject({ status: 403 });
  const pull = github.repositories.get('acme/shop')?.pulls[0];
  if (pull !== undefined) pull.mergeable = false;
  expect(await writer('PUT', `${PULLS}/1/merge`, {})).toMatchObject({ status: 405 });
  expect(await writer('PATCH', `${PULLS}/1`, { state: 'closed' })).toMatchObject({
    body: { state: 'closed' },
  });
  expect(github.repositories.get('acme/shop')?.pulls).toHaveLength(1);
});

test('a long list comes in pages that name the next', async () => {
  const repository = github.repositories.get('acme/shop');
  for (const number of [1, 2, 3, 4, 5]) {
    repository?.branches.set(`fix-${number}`, FIX);
    await open(`fix-${number}`);
  }
  const seen: number[] = [];
  let next: string | undefined = `${PULLS}?per_page=2`;
  while (next !== undefined) {
    const { body, headers }: Awaited<ReturnType<typeof writer>> = await writer('GET', next);
    seen.push(...(body as { number: number }[]).map(({ number }) => number));
    next = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]?.slice(github.url.length);
  }
  expect(seen).toEqual([5, 4, 3, 2, 1]);
});

test('both limits refuse, with when to come back', async () => {
  github.limitSecondary(60, 1);
  const secondary = await open();
  expect(secondary).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('secondary rate limit') },
  });
  expect(secondary.headers.get('retry-after')).toBe('60');
  expect(github.repositories.get('acme/shop')?.pulls).toHaveLength(0);
  github.limit.remaining = 1;
  expect((await open()).headers.get('x-ratelimit-remaining')).toBe('0');
  const primary = await writer('GET', PULLS);
  expect(primary).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('API rate limit exceeded') },
  });
  expect(Number(primary.headers.get('x-ratelimit-reset'))).toBe(github.limit.resetSeconds);
  github.limit.resetSeconds = 0;
  expect(await writer('GET', PULLS)).toMatchObject({ status: 200 });
});
