import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import type { JsonObject } from '@carapulse/kernel';
import type { DurableEngine } from '@carapulse/workflows';
import { heardOf } from '@carapulse/workflows/testing/probe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProbeWorld } from './src/temporal/probe-world.ts';

const server = TESTBED_SERVERS['temporal'];
const missing = server === undefined ? ['no Temporal in the test bed'] : await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));
const LIMIT = { timeout: 120_000 };
const CHAIN: JsonObject = { work: [{ key: 'a', after: [] }], signals: 1 };
const HEARD = ['activity a/1 ok', 'signal go {}'];

/** Of what the command line says of a workflow. */
type Described = { readonly workflowExecutionInfo: { readonly historyLength: string } };

describe.skipIf(missing.length > 0)('with Temporal (needs `npm run testbed -- build temporal`)', () => {
  let world: ProbeWorld;
  let engine: DurableEngine;
  beforeAll(async () => {
    world = await ProbeWorld.open();
    engine = await world.engine({ callMs: 10_000, short: true });
    await engine.recover();
  }, 60_000);
  afterAll(() => world.close(), 60_000);

  /** A run that has done its work and waits for a signal. */
  async function waiting(run: string): Promise<void> {
    await engine.start(run, 'probe', CHAIN);
    await world.begun(`${run}/a/1#1`);
  }
  async function endsAsUsual(run: string): Promise<void> {
    await engine.signal(run, 'ours', 'go', {});
    const ended = await engine.wait(run, AbortSignal.timeout(60_000));
    expect(ended.kind === 'ended' && heardOf(ended.result).toSorted()).toEqual(HEARD);
  }
  const send = (run: string, name: string, ...input: string[]) =>
    world.cli('workflow', 'signal', '-w', run, '--name', name, ...input);

  test('signals that somebody else sends are not heard, and the run goes on', LIMIT, async () => {
    await waiting('signalled');
    const like = '{"id":"x","name":"go","payload":{}}';
    for (const said of [
      await send('signalled', 'deliver', '--input', like),
      await send('signalled', 'deliver', '--input', '7'),
      await send('signalled', 'deliver'),
      await send('signalled', 'other', '--input', '{}'),
    ])
      expect(said).toMatch(/succeeded/);
    const foreign = await world.engine({ key: 9 });
    await foreign.signal('signalled', 'y', 'go', {});
    await endsAsUsual('signalled');
  });

  test('a flood of signals that are not heard makes no history long', LIMIT, async () => {
    await waiting('flooded');
    for (let sent = 0; sent < 20; sent += 1) await send('flooded', 'deliver', '--input', '7');
    const described = await world.cli('workflow', 'describe', '-w', 'flooded', '-o', 'json');
    const { historyLength } = (JSON.parse(described) as Described).workflowExecutionInfo;
    expect(Number(historyLength)).toBeLessThan(20);
    await endsAsUsual('flooded');
  });

  test('an order by hand starts nothing, and the mailbox keeps what it has', LIMIT, async () => {
    await engine.signal('ordered', 'ours', 'go', {});
    for (const input of [['--input', '{"machine":"probe","taskQueue":"probe.probe.v1"}'], []]) {
      const order = ['workflow', 'update', 'execute', '-w', 'ordered', '--name', 'order', ...input];
      expect(await world.cli(...order)).toMatch(/not encrypted|not of the form/);
    }
    await send('ordered', 'deliver', '--input', '{"id":"x","name":"go","payload":{}}');
    expect(await engine.status('ordered')).toEqual({ kind: 'absent' });
    expect(await engine.start('ordered', 'probe', CHAIN)).toBe('started');
    const ended = await engine.wait('ordered', AbortSignal.timeout(60_000));
    expect(ended.kind === 'ended' && heardOf(ended.result).toSorted()).toEqual(HEARD);
  });

  test('a request to cancel is not heeded', LIMIT, async () => {
    const open = world.hold('cancelled/a/1');
    await waiting('cancelled');
    expect(await world.cli('workflow', 'cancel', '-w', 'cancelled')).toMatch(/cancell?ed|succeeded/i);
    open();
    await endsAsUsual('cancelled');
    expect(world.ran.filter((visit) => visit.startsWith('cancelled/'))).toEqual(['cancelled/a/1#1']);
  });

  test('a run that was started by hand does nothing, and says why', LIMIT, async () => {
    const order =
      '{"kind":"new","order":{"machine":"probe","version":1,"input":{"work":[{"key":"a","after":[]}]},' +
      '"taskQueue":"probe.probe.v1","limits":{"heartbeatMs":9000,"abortGraceMs":9}},"early":[]}';
    const by = ['workflow', 'start', '--type', 'carapulseRun', '--task-queue', 'probe.probe.v1', '-w'];
    await world.cli(...by, 'plain', '--input', order);
    await world.cli(...by, 'empty');
    const foreign = await world.engine({ key: 9 });
    await foreign.start('foreign', 'probe', CHAIN);
    for (const [run, why] of [
      ['plain', /not encrypted/],
      ['empty', /without an argument/],
      ['foreign', /was changed, or is not of key test/],
    ] as const) {
      await expect.poll(() => engine.status(run), { timeout: 30_000 }).toMatchObject({ kind: 'stuck' });
      const status = await engine.status(run);
      expect(status.kind === 'stuck' && status.reason).toMatch(why);
      expect(world.ran.filter((visit) => visit.startsWith(`${run}/`))).toEqual([]);
    }
  });

  test('an outcome that somebody else gives is unknown', LIMIT, async () => {
    world.hold('completed/a/1');
    await waiting('completed');
    const by = ['-w', 'completed', '--activity-id', 'completed/a/1', '--result', '{"kind":"ok","output":{}}'];
    await world.cli('activity', 'complete', ...by);
    await engine.signal('completed', 'ours', 'go', {});
    const ended = await engine.wait('completed', AbortSignal.timeout(60_000));
    expect(ended.kind === 'ended' && heardOf(ended.result)).toContain('activity a/1 outcome_unknown unknown');
  });

  test('one that is terminated is stuck, and one that is reset goes on', LIMIT, async () => {
    await waiting('terminated');
    await world.cli('workflow', 'terminate', '-w', 'terminated', '--reason', 'none');
    expect(await engine.status('terminated')).toMatchObject({ kind: 'stuck' });
    expect(await engine.start('terminated', 'probe', CHAIN)).toBe('exists');
    await waiting('reset');
    await world.cli('workflow', 'reset', '-w', 'reset', '--type', 'LastWorkflowTask', '--reason', 'none');
    await endsAsUsual('reset');
  });

  test('what is too large is refused before it is sent, and kills no run', LIMIT, async () => {
    const large = (bytes: number): JsonObject => ({ note: 'x'.repeat(bytes) });
    const big = {
      ...CHAIN,
      work: [
        { key: 'a', after: [] },
        { key: 'x'.repeat(900_000), after: ['never'] },
      ],
    };
    const tooBig = { ...CHAIN, work: [{ key: 'x'.repeat(2_100_000), after: [] }] };
    for (const call of [
      engine.start('too-big', 'probe', tooBig),
      engine.signal('too-big', 's', 'go', large(2_100_000)),
      engine.start('too-big', 'probe', { ...CHAIN, work: [{ key: 'x'.repeat(5_000_000), after: [] }] }),
    ])
      await expect(call).rejects.toMatchObject({ code: 'payload_too_large', retryable: false });
    expect(await engine.status('too-big')).toEqual({ kind: 'absent' });
    await engine.signal('full', 's1', 'go', large(1_300_000));
    await expect(engine.start('full', 'probe', big)).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(await engine.status('full')).toEqual({ kind: 'absent' });
    expect(await engine.start('full', 'probe', CHAIN)).toBe('started');
    expect(await engine.wait('full', AbortSignal.timeout(60_000))).toMatchObject({ kind: 'ended' });
    // Its activity's key is in its input: what a run may be started with, its activity may be too large for.
    const each = 'x'.repeat(690_000);
    await engine.start('grown', 'probe', { work: [{ key: each, after: [] }] });
    await expect
      .poll(() => engine.status('grown').then(({ kind }) => kind), { timeout: 30_000 })
      .not.toBe('running');
    expect(await engine.status('grown')).toMatchObject({ kind: 'stuck' });
  });
});
