import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Assistant } from './src/assistant.ts';
import { missingForCluster } from './src/kubernetes-world.ts';
import { killScalings } from './src/scale-trials.ts';
import { approveScaling, openScaleWorld, planScaling, type ScaleWorld } from './src/scale-world.ts';
import { endOf } from './src/world.ts';

const missing = await missingForCluster();
const HALF_HOUR_MS = 1_800_000;

describe.skipIf(missing.length > 0)('scale-service (needs the test bed’s cluster)', () => {
  let world: ScaleWorld;
  let assistant: Assistant;
  beforeAll(async () => {
    world = await openScaleWorld();
    assistant = await world.start();
  });
  afterAll(() => world?.close());

  test('waits for approval without an effect, then scales and proves that the pods are ready', async () => {
    await world.deploy('web', 2);
    const before = await world.state('web');
    const view = await planScaling(assistant, 'web', 4);
    expect(view).toMatchObject({
      status: 'awaiting_approval',
      execution_id: null,
      plan: {
        trigger: { kind: 'workflow', ref: 'scale-service' },
        context: { environment: 'production', cluster_id: 'main', namespace: 'shop' },
        blast_radius: { kind: 'known', dependents: ['till'] },
        risk: { level: 'medium' },
      },
    });
    expect(view.card.join('\n')).toContain('+  replicas: 4');
    expect(await world.state('web')).toEqual(before);
    const { execution, checks } = await endOf(assistant, await approveScaling(assistant, view));
    expect(execution).toMatchObject({ status: 'succeeded' });
    expect(checks).toMatchObject([{ check_id: 'rolled-out', verdict: 'passed' }]);
    expect(await world.state('web')).toMatchObject({
      replicas: 4,
      available: 4,
      generation: before.generation + 1,
      managers: expect.arrayContaining(['carapulse']),
    });
  });

  test('puts the old number back when pods do not become ready, and proves that too', async () => {
    await world.deploy('apart', 2, { apart: true });
    const { generation } = await world.state('apart');
    const view = await planScaling(assistant, 'apart', 3, { ready_within: '4s' });
    const { execution, checks } = await endOf(assistant, await approveScaling(assistant, view));
    expect(execution).toMatchObject({ status: 'rolled_back' });
    expect(checks).toMatchObject([
      { check_id: 'rolled-out', phase: 'after', verdict: 'failed' },
      { check_id: 'as-before', phase: 'verify_rollback', verdict: 'passed' },
    ]);
    expect(await world.state('apart')).toMatchObject({
      replicas: 2,
      available: 2,
      generation: generation + 2,
    });
  });

  test('is denied by policy beyond its bound, and makes no plan where the cluster stands against it', async () => {
    const { cluster } = world;
    await world.deploy('bound', 3);
    const denied = await planScaling(assistant, 'bound', 21);
    expect(denied).toMatchObject({ status: 'policy_denied' });
    expect(denied.status_reason).toContain('21 is over the limit 20');
    await expect(planScaling(assistant, 'bound', 3)).rejects.toThrow(/has 3 replicas already/);
    await expect(planScaling(assistant, 'none', 3)).rejects.toThrow(/deployments.* "none" not found/);
    await expect(planScaling(assistant, 'bound', 4, { replica: 5 })).rejects.toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/input/replica' }],
    });
    await cluster.admin('-n shop create poddisruptionbudget bound --selector=app=bound --min-available=2');
    await expect(planScaling(assistant, 'bound', 1)).rejects.toThrow(
      'makes no plan now: it cannot be scaled so: PodDisruptionBudget bound wants 2 pods available; 1 are fewer.',
    );
    await cluster.admin('-n shop create quota bound --hard=pods=4');
    await expect(planScaling(assistant, 'bound', 20)).rejects.toThrow(/Quota bound allows 4 of pods/);
    await cluster.admin('-n shop delete quota bound');
    await cluster.admin('-n shop autoscale deployment bound --min=3 --max=5 --cpu-percent=80');
    await expect(planScaling(assistant, 'bound', 4)).rejects.toThrow(/it cannot be scaled so: .*bound/);
    expect(await world.state('bound')).toMatchObject({ replicas: 3, available: 3 });
  });

  test.for([
    { name: 'kept', helps: true, kills: 6 },
    { name: 'undone', helps: false, kills: 4 },
  ])('is carried on when the process is killed, and $name', { timeout: HALF_HOUR_MS }, async (trials) => {
    assistant = await killScalings(world, assistant, trials);
    expect(assistant.pid).toBeGreaterThan(0);
  });
});
