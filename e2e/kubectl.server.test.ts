import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KubernetesWorld, missingForCluster } from './src/kubernetes-world.ts';

const missing = await missingForCluster();

describe.skipIf(missing.length > 0)('kubectl by both transports (needs the test bed’s cluster)', () => {
  let world: KubernetesWorld;
  beforeAll(async () => {
    world = await KubernetesWorld.start();
    await world.admin(['create', 'namespace', 'shop']);
    await world.admin([
      '-n',
      'shop',
      'create',
      'deployment',
      'web',
      '--image=example.com/web:1',
      '--replicas=2',
    ]);
    await world.admin(['-n', 'shop', 'rollout', 'status', 'deployment/web', '--timeout=60s']);
  });
  afterAll(() => world?.stop());

  /** The same by both transports. */
  async function same(action: string, input: JsonObject): Promise<JsonObject> {
    const byCli = await world.call('cli', action, input);
    expect(await world.call('http', action, input)).toEqual(byCli);
    return byCli;
  }

  test('objects, events and the state of a rollout are read', async () => {
    const web = { namespace: 'shop', kind: 'deployment', name: 'web' };
    expect(await same('get', web)).toMatchObject({
      empty: false,
      objects: [
        {
          name: 'web',
          facts: { type: 'workload', replicas: 2, containers: [{ image: 'example.com/web:1' }] },
        },
      ],
    });
    const pods = await same('get', { namespace: 'shop', kind: 'pod', selector: 'app in (web),!other' });
    expect(pods['objects']).toHaveLength(2);
    expect(await same('get', { ...web, name: 'none' })).toMatchObject({ empty: true, objects: [] });
    expect(await same('get', { kind: 'node' })).toMatchObject({
      objects: world.nodes.map((name) => ({ name })),
    });
    expect(await same('events', { ...web, type: 'Normal' })).toMatchObject({
      empty: false,
      events: [{ reason: 'ScalingReplicaSet', object: { kind: 'Deployment', name: 'web' } }],
    });
    expect(await same('rollout_status', web)).toMatchObject({
      complete: true,
      reason: 'complete',
      replicas: { desired: 2, updated: 2, available: 2 },
    });
  });
});
