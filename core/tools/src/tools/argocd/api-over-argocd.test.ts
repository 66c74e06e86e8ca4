import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import { CA } from '../../kubernetes/cluster.testing.ts';
import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { sessionOf } from '../../session.testing.ts';
import { APP_UID, application, KEY, operationOf, REVISION, section } from './argocd.testing.ts';
import { argocd } from './index.ts';

const GRPC = { url: 'https://argocd.example' };
const SYNC = {
  uid: APP_UID,
  revision: REVISION,
  namespaces: ['shop'],
  last_operation_at: null,
};

/** An argocd that ends as told, one command after the other; HTTP is refused. */
class FakeProgram {
  readonly commands: CommandSpec[] = [];
  readonly #results: Array<Partial<CommandResult>>;

  constructor(...results: ReadonlyArray<Partial<CommandResult>>) {
    this.#results = [...results];
  }

  async call(action: string, input: JsonObject = {}, over: JsonObject = {}): Promise<JsonObject> {
    const settings = { instances: { main: { ...section, ...GRPC, ...over } } };
    const place = { instance: 'main', project: 'default', app: 'shop' };
    const session = sessionOf(
      argocd,
      settings,
      action,
      { ...place, ...input },
      {
        programs: { has: (name) => name === 'argocd' },
        sandbox: {
          status: () => ({ backend: null, detail: '', unavailable: [] }),
          run: (command) => {
            this.commands.push(command);
            const result = this.#results.shift() ?? { exitCode: 99 };
            return Promise.resolve({ ...ENDED_WELL, ...result });
          },
        },
      },
    );
    return (await session.run()) as JsonObject;
  }
}

const ENDED_WELL: CommandResult = { exitCode: 0, stdout: '', stderr: '', durationMs: 1, stoppedBy: null };
const shown = (over = {}): Partial<CommandResult> => ({ stdout: JSON.stringify(application(over)) });
const fatal = (msg: string): Partial<CommandResult> => ({
  exitCode: 20,
  stderr: `{"level":"warning","msg":"careful"}\n${JSON.stringify({ level: 'fatal', msg, time: 'now' })}\n`,
});
const rpc = (code: string, desc: string) => fatal(`rpc error: code = ${code} desc = ${desc}`);

describe('commands', () => {
  test('are whole words; the token lies in a file of the one call', async () => {
    const program = new FakeProgram(shown(), shown(), {});
    await program.call('app', { refresh: 'hard' });
    await program.call('sync', { ...SYNC, prune: true });
    const [get, read, sync] = program.commands;
    expect(get?.argv.slice(1)).toEqual([
      'app',
      '--config=/s/config',
      'get',
      '--output=json',
      '--hard-refresh',
      '--',
      'shop',
    ]);
    expect(read?.argv.slice(3)).toEqual(['get', '--output=json', '--', 'shop']);
    expect(sync?.argv.slice(3)).toEqual([
      'sync',
      '--async',
      `--revision=${REVISION}`,
      '--prune',
      `--info=carapulse=${KEY}`,
      '--',
      'shop',
    ]);
    for (const [command, token] of [
      [get, 'reads'],
      [sync, 'writes'],
    ] as const) {
      expect(JSON.parse(command?.files?.[0]?.text ?? '')).toEqual({
        'current-context': 'main',
        'prompts-enabled': false,
        contexts: [{ name: 'main', server: 'argocd.example:443', user: 'main' }],
        servers: [{ server: 'argocd.example:443', 'plain-text': false }],
        users: [{ name: 'main', 'auth-token': token }],
      });
      expect(JSON.stringify([command?.argv, command?.env])).not.toContain(token);
      expect(command?.egress).toEqual([{ host: 'argocd.example', port: 443, addresses: 'private' }]);
      expect(command?.env).toMatchObject({ HOME: '/s', TMPDIR: '/s', ARGOCD_CONFIG_DIR: '/s' });
      expect(command?.env).not.toHaveProperty('SSL_CERT_FILE');
    }
  });

  test('find the authority of the settings alone', async () => {
    const program = new FakeProgram(shown());
    await program.call('app', {}, { ca: CA });
    const [{ files, env } = { files: [], env: {} }] = program.commands;
    expect(env).toMatchObject({ SSL_CERT_FILE: '/s/ca.pem', SSL_CERT_DIR: '/s/no-certificates' });
    expect(files?.[1]).toEqual({ path: '/s/ca.pem', text: CA });
  });

  test.each<[string, string, JsonObject]>([
    ['that takes no gRPC', 'app', { grpc: false }],
    ['below a path', 'app', { url: 'https://argocd.example/base' }],
    ['of which resources are wanted', 'app_resources', {}],
    ['of which differences are wanted', 'app_diff', {}],
  ])('are not run for one %s', async (_, action, over) => {
    const program = new FakeProgram();
    await expect(program.call(action, {}, over)).rejects.toThrow('nothing is asked');
    expect(program.commands).toEqual([]);
  });
});

describe('what argocd ends with', () => {
  test.each([
    [
      'PermissionDenied',
      { code: 'forbidden', details: { effect: 'none', reason: 'token_refused', status: 403 } },
    ],
    [
      'Unauthenticated',
      { code: 'forbidden', details: { effect: 'none', reason: 'token_refused', status: 401 } },
    ],
    ['NotFound', { code: 'not_found', details: { effect: 'none', reason: 'app_missing' } }],
    ['InvalidArgument', { code: 'tool_failed', retryable: false, details: { effect: 'none', status: 400 } }],
    ['ResourceExhausted', { code: 'tool_failed', retryable: true, details: { class: 'throttled' } }],
  ])('%s is a refusal', async (code, refusal) => {
    const program = new FakeProgram(shown(), rpc(code, 'no: really'));
    await expect(program.call('sync', SYNC)).rejects.toMatchObject(refusal);
  });

  test.each([
    ['Unavailable', rpc('Unavailable', 'error reading from server: EOF')],
    ['Unknown', rpc('Unknown', 'unexpected')],
    ['a code that is new', rpc('Whatever', 'unexpected')],
    ['no connection', fatal('Failed to establish connection to argocd.example:443: i/o timeout')],
    ['what nobody knows', { exitCode: 1, stderr: 'panic: runtime error' }],
    ['a signal', { exitCode: null }],
  ])('after %s a sync may have happened', async (_, result) => {
    const failed: unknown = await new FakeProgram(shown(), result)
      .call('sync', SYNC)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: expect.stringMatching(/^(tool_failed|unavailable)$/) as string });
    expect((failed as { details: JsonObject }).details).not.toHaveProperty('effect');
  });

  test('a token that it says is not told', async () => {
    const failed = new FakeProgram(fatal('token reads is malformed')).call('app');
    await expect(failed).rejects.toMatchObject({
      message: 'argocd ended with 20: token [redacted:token] is malformed',
      details: { class: 'permanent', exit_code: 20 },
    });
  });

  test('no JSON is no application', async () => {
    await expect(new FakeProgram({ stdout: 'Name: shop' }).call('app')).rejects.toMatchObject({
      details: { reason: 'answer_no_json' },
    });
  });
});

describe('a sync that is refused since another operation is in progress', () => {
  const busy = rpc('FailedPrecondition', 'another operation is already in progress');

  test('is done when the operation is ours, of an answer that argocd lost', async () => {
    const ours = { status: { operationState: operationOf(KEY, { phase: 'Running' }) } };
    const program = new FakeProgram(shown(), busy, shown(ours));
    expect(await program.call('sync', SYNC)).toMatchObject({ key: KEY });
  });

  test('is a conflict when it is somebody else’s', async () => {
    const theirs = { status: { operationState: operationOf('other', { phase: 'Running' }) } };
    await expect(new FakeProgram(shown(), busy, shown(theirs)).call('sync', SYNC)).rejects.toMatchObject({
      code: 'conflict',
      details: { effect: 'none', reason: 'operation_in_progress' },
    });
  });

  test('may have happened when nobody can tell', async () => {
    const failed: unknown = await new FakeProgram(shown(), busy, rpc('PermissionDenied', 'no'))
      .call('sync', SYNC)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'unavailable', retryable: true });
    expect((failed as { details: JsonObject }).details).not.toHaveProperty('effect');
  });
});
