import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endAssistants, type Assistant } from './src/assistant.ts';
import { startHelmAssistant } from './src/helm-assistant.ts';
import { HelmWorld } from './src/helm-world.ts';
import { missingForCluster } from './src/kubernetes-world.ts';
import { approve, endOf, type ExecutionView, type PlanView } from './src/world.ts';

const missing = await missingForCluster();

describe.skipIf(missing.length > 0)('helm-release on a real cluster (needs the test bed’s cluster)', () => {
  let world: HelmWorld;
  let assistant: Assistant;
  beforeAll(async () => {
    world = await HelmWorld.start();
    assistant = await startHelmAssistant(world);
    await world.install('web', 'shop', { progressDeadlineSeconds: 5 });
    await world.kubernetes.rolledOut('shop', 'web');
  });
  afterAll(async () => {
    await endAssistants();
    await world?.stop();
  });

  async function start(release: string, set: JsonObject, more: JsonObject = {}): Promise<PlanView> {
    const input = {
      cluster: 'main',
      namespace: 'shop',
      release,
      chart: 'shop',
      version: '0.1.0',
      set,
      ...more,
    };
    const { body } = await assistant.as('alice').call('startWorkflow', {
      params: { name: 'helm-release' },
      body: { input, reason: 'a new version of the shop' },
    });
    return body;
  }

  async function run(plan: PlanView): Promise<ExecutionView> {
    const first = await approve(assistant, plan, 'bob');
    const { execution_id } = first.execution_id === null ? await approve(assistant, plan, 'carol') : first;
    return await endOf(assistant, execution_id ?? '');
  }

  test('a release is upgraded with its diff on the card, and its rollouts followed', async () => {
    const plan = await start('web', { image: { tag: '1.1.0' } });
    const [step] = plan.plan.steps;
    expect(plan.plan.summary).toBe('Upgrade release web in shop of main to shop 0.1.0');
    expect(step?.preview).toMatchObject({
      kind: 'diff',
      text: expect.stringContaining('+          image: "registry.example/shop:1.1.0"'),
    });
    expect(step?.effects).toContainEqual(
      expect.objectContaining({ kind: 'release', target: 'helm:main/shop/web', secret_objects: 0 }),
    );
    const { execution } = await run(plan);
    expect(`${execution.status}: ${execution.status_reason}`).toMatch(/^succeeded/);
    expect(await world.history('web')).toEqual([
      [1, 'superseded'],
      [2, 'deployed'],
    ]);
  });

  test('a bad image is rolled back, and the rollback verified', async () => {
    const plan = await start('web', { image: { tag: '1.2.0-crash' } });
    const { execution } = await run(plan);
    expect(`${execution.status}: ${execution.status_reason}`).toMatch(/^rolled_back/);
    expect(await world.history('web')).toEqual([
      [1, 'superseded'],
      [2, 'superseded'],
      [3, 'superseded'],
      [4, 'deployed'],
    ]);
    const { spec } = await world.kubernetes.object('-n', 'shop', 'deployment', 'web');
    expect(JSON.stringify(spec)).toContain('registry.example/shop:1.1.0"');
    await world.kubernetes.rolledOut('shop', 'web');
  });

  test('what has no way back, or changes nothing, becomes no plan by itself', async () => {
    await expect(start('web', { image: { tag: '1.1.0' } })).rejects.toMatchObject({
      code: 'precondition_failed',
      message: expect.stringContaining('is already what it would become, at revision 4.'),
    });
    await world.install('hooked', 'shop-hook');
    const hook = { chart: 'shop-hook' };
    await expect(start('hooked', { image: { tag: '1.1.0' } }, hook)).rejects.toMatchObject({
      code: 'precondition_failed',
      message: expect.stringContaining('Hook Job hooked-migration'),
    });
    const plan = await start('hooked', { image: { tag: '1.1.0' } }, { ...hook, irreversible: true });
    expect(plan.plan.steps[0]?.rollback).toMatchObject({ kind: 'impossible' });
  });
});
