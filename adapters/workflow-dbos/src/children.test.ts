import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeMachine } from '@carapulse/workflows/testing/probe';
import { expect, it } from 'vitest';
import { createDbosEngine } from './dbos-engine.ts';
import { openPglite } from './testing/pglite-place.ts';

it('a run that starts others leaves nothing of that in DBOS, whose recovery would go by its order', async () => {
  const root = await mkdtemp(join(tmpdir(), 'children-'));
  const { pool, close } = await openPglite(join(root, 'data'));
  const engine = await createDbosEngine({
    pool,
    machines: [probeMachine()],
    activities: { work: async () => ({}) },
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    pollMs: 20,
  });
  try {
    await engine.recover();
    const kid = { work: [{ key: 'x', after: [] }] };
    const children = ['one', 'two'].map((key) => ({ key, after: [], machine: 'probe', input: kid }));
    await engine.start('parent', 'probe', { work: [], children });
    expect(await engine.wait('parent', AbortSignal.timeout(20_000))).toMatchObject({ kind: 'ended' });
    const steps = await pool.query('SELECT function_name FROM dbos.operation_outputs');
    expect(steps.rows).toEqual([]);
    const runs = await pool.query('SELECT workflow_uuid FROM dbos.workflow_status ORDER BY 1');
    expect(runs.rows).toHaveLength(3);
  } finally {
    await engine.close(1000);
    await close();
    await rm(root, { recursive: true, force: true });
  }
}, 60_000);
