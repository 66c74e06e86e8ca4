import { TEST_IDS } from '@carapulse/approval/testing';
import { AppError, createRedactor, type JsonValue } from '@carapulse/kernel';
import { createToolRouter, type OutputChunk, type ToolRequest, type ToolRouter } from '@carapulse/tools';
import { codeOf, newDeps, newWorld, notePlan, writeRequest, type World } from '@carapulse/tools/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { createRemoteToolRouter } from './remote-tool-router.ts';
import { serveToolRouter } from './serve-tool-router.ts';
import { openTestService, type TestService } from './test-service.testing.ts';

type Deps = ReturnType<typeof newDeps>;

const services: TestService[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ server }) => server.close(0)));
});

/** The router of these ports, here and by HTTP. */
const WAYS: ReadonlyArray<{ readonly way: string; open: (deps: Deps, world: World) => Promise<ToolRouter> }> =
  [
    { way: 'in this process', open: async (deps) => createToolRouter(deps) },
    {
      way: 'by HTTP',
      open: async (deps, world) => {
        const evidence = async (_tenant: string, id: string): Promise<Uint8Array> => {
          const data = world.evidence[Number(id.replace('ev_', '')) - 1] ?? null;
          return new TextEncoder().encode(JSON.stringify({ data }));
        };
        const router = createToolRouter(deps);
        const resources = { evidence, call: evidence };
        const service = await openTestService(
          serveToolRouter({ router, registry: deps.registry, resources, maxInlineBytes: 1000 }),
        );
        services.push(service);
        return createRemoteToolRouter(service.connect());
      },
    },
  ];

const never = () => ({ signal: new AbortController().signal });
const read = (change: Partial<ToolRequest> = {}): ToolRequest => ({
  tool: 'note',
  action: 'read',
  input: {},
  context: { tenant_id: 'acme', environment: 'production' },
  actor: {
    id: 'user:alice',
    kind: 'human',
    tenant_id: 'acme',
    roles: ['operator'],
    groups: [],
    assurance: 'local',
  },
  idempotencyKey: 'read-1',
  executionId: null,
  epoch: null,
  investigationId: null,
  envelope: null,
  ...change,
});
const allowed = (world: World): World =>
  Object.assign(world, { decision: { ...world.decision, decision: 'allow' } });

describe.each(WAYS)('the tool router $way', ({ open }) => {
  const start = async (change: (deps: Deps, world: World) => Partial<Deps> = () => ({})) => {
    const world = newWorld();
    const deps = newDeps(world, 'observable');
    return { world, router: await open({ ...deps, ...change(deps, world) }, world) };
  };

  test('answers a read, which is policed and audited under who asked', async () => {
    const { world, router } = await start();
    allowed(world);
    expect(await router.execute(read(), never())).toEqual({
      output: { word: 'before' },
      repeated: false,
      evidenceId: 'ev_1',
      durationMs: 0,
    });
    expect(world.audit).toMatchObject([{ phase: 'outcome', actor: { id: 'user:alice' }, kind: 'read' }]);
    world.decision = { ...world.decision, decision: 'deny' };
    expect(await codeOf(router.execute(read({ idempotencyKey: 'read-2' }), never()))).toBe(
      'policy_denied policy_denied',
    );
  });

  test('carries a write out once, however often it is asked', async () => {
    const { world, router } = await start();
    const request = await writeRequest(notePlan('observable'));
    const first = await router.execute(request, never());
    expect(first).toMatchObject({ output: { word: 'after' }, repeated: false });
    expect(await router.execute(request, never())).toEqual({ ...first, repeated: true });
    expect(world.effects).toBe(1);
    expect(world.audit.map(({ phase }) => phase)).toEqual(['intent', 'outcome']);
  });

  const plan = notePlan('observable');
  const spoiled = (request: Partial<ToolRequest>) => () => writeRequest(plan, { request });
  const halted = { scope: 'all', reason: 'stop', by: 'user:bob', at: '2026-01-10T12:00:00Z' };
  const refusals: ReadonlyArray<readonly [string, () => Promise<ToolRequest>, ((world: World) => void)?]> = [
    ['approval_required envelope_missing', spoiled({ envelope: null })],
    ['approval_required approvals_missing', () => writeRequest(plan, { approved: false })],
    ['approval_invalid envelope_malformed', spoiled({ envelope: { body: 'x' } as never })],
    ['approval_invalid request_differs', spoiled({ input: { word: 'evil' } })],
    ['approval_invalid request_differs', spoiled({ executionId: TEST_IDS.otherExecution })],
    ['invalid_input', spoiled({ input: { word: '--flag' } })],
    ['not_supported action_unknown', spoiled({ action: 'erase' })],
    ['not_supported tool_unknown', spoiled({ tool: 'rm' })],
    ['fenced', () => writeRequest(plan), (world) => Object.assign(world, { epoch: 2 })],
    ['halted halted', () => writeRequest(plan), (world) => Object.assign(world, { halted })],
    [
      'policy_denied policy_denied',
      () => writeRequest(plan),
      (world) => Object.assign(world, { decision: { ...world.decision, decision: 'deny' } }),
    ],
    [
      'plan_stale effects_differ',
      () =>
        writeRequest(
          notePlan(
            'observable',
            {},
            { effects: [{ kind: 'http_send', target: 'note:other', method: 'PUT' }] },
          ),
        ),
    ],
    [
      'approval_invalid plan_already_executed',
      () =>
        writeRequest(plan, {
          body: { execution_id: TEST_IDS.otherExecution },
          request: { executionId: TEST_IDS.otherExecution },
        }),
      (world) => world.plans.set(plan.plan_id, TEST_IDS.execution),
    ],
  ];
  test.each(refusals.map(([code, request, prepare]) => ({ code, request, prepare })))(
    'refuses $code, without effect',
    async ({ code, request, prepare }) => {
      const { world, router } = await start();
      prepare?.(world);
      expect(await codeOf(router.execute(await request(), never()))).toBe(code);
      expect(world.effects).toBe(0);
    },
  );

  test('hands failures on with code, details, faults and when to try again', async () => {
    const failure = new AppError('tool_failed', 'the target is busy', {
      retryable: true,
      retryAfterMs: 1234,
      errors: [{ pointer: '/a', detail: 'is odd' }],
      details: { class: 'throttled', effect: 'none', nested: { list: [1, null] } },
    });
    const { router } = await start(({ sandbox }) => ({
      sandbox: { ...sandbox, run: () => Promise.reject(failure) },
    }));
    const error = await router.execute(await writeRequest(plan), never()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      code: 'tool_failed',
      message: 'the target is busy',
      retryable: true,
      retryAfterMs: 1234,
      errors: failure.errors,
      details: failure.details,
    });
  });

  test('tells what is no AppError apart, since what it left is not known', async () => {
    const { router } = await start(({ journal }) => ({
      journal: { ...journal, begin: () => Promise.reject(new TypeError('a bug')) },
    }));
    const error = await router.execute(await writeRequest(plan), never()).catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(AppError);
    expect(error).toMatchObject({ message: 'a bug' });
  });

  test('a caller that gives up ends the command, and hears that nothing was done', async () => {
    const begun = Promise.withResolvers<void>();
    let ended = false;
    const { world, router } = await start(({ sandbox }) => ({
      sandbox: {
        ...sandbox,
        run: async (command, options) => {
          if (command.argv[1] !== 'write') return sandbox.run(command, options);
          begun.resolve();
          await new Promise((resolve) => options.signal.addEventListener('abort', resolve));
          ended = true;
          return { exitCode: null, stdout: '', stderr: '', durationMs: 1, stoppedBy: 'cancelled' };
        },
      },
    }));
    const caller = new AbortController();
    const work = codeOf(router.execute(await writeRequest(plan), { signal: caller.signal }));
    await begun.promise;
    caller.abort();
    expect(await work).toBe('cancelled');
    expect(ended).toBe(true);
    expect(world.audit.at(-1)).toMatchObject({ outcome: { kind: 'not_done', code: 'cancelled' } });
  });

  test('an output too large for an answer comes whole', async () => {
    const word = 'x'.repeat(40);
    const { world, router } = await start(({ redactor }) => ({
      redactor: { ...redactor, json: (value: JsonValue) => ({ value, padding: 'p'.repeat(3_000_000) }) },
    }));
    allowed(world).word = word;
    const { output } = await router.execute(read(), never());
    expect(output).toEqual({ value: { word }, padding: 'p'.repeat(3_000_000) });
  });

  test('output is followed as it comes; a secret in two chunks is hidden, control characters stay data', async () => {
    const redactor = createRedactor({ knownValues: ['hunter2-hunter2'] });
    const { world, router } = await start((deps) => ({
      registry: shownRegistry(deps),
      redactor: { json: redactor.redactJson, text: redactor.redactText, stream: redactor.stream },
      sandbox: {
        ...deps.sandbox,
        run: async (_, options) => {
          const text = ['one hunter2-hun', 'ter2\n', '\u001b[2J\u0000{"kind":"end"}\n'];
          for (const each of text) options.onOutput?.({ stream: 'stdout', text: each });
          return { exitCode: 0, stdout: 'before', stderr: '', durationMs: 1, stoppedBy: null };
        },
      },
    }));
    allowed(world);
    const chunks: OutputChunk[] = [];
    await router.execute(read(), { ...never(), onOutput: (chunk) => chunks.push(chunk) });
    const shown = chunks.map(({ text }) => text).join('');
    expect(shown).toMatch(/^one \[redacted:[a-z_ -]+\]\n/);
    expect(shown).toContain('\u001b[2J\u0000{"kind":"end"}\n');
  });
});

/** The note tool with commands that people follow. */
function shownRegistry({ registry }: Deps): Deps['registry'] {
  const shown = (found: ReturnType<Deps['registry']['find']>): typeof found => ({
    ...found,
    action: {
      ...found.action,
      transports: [
        {
          kind: 'cli',
          program: 'note',
          run: async (_, runtime) => ({
            word: (
              await runtime.exec({ argv: ['note', 'read'], cwd: '/', mounts: [], egress: [], shown: true })
            ).stdout,
          }),
        },
      ],
    },
  });
  return { find: (tool, action) => shown(registry.find(tool, action)), list: () => registry.list() };
}
