import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import { APP_UID, application, FakeArgocd, KEY, operationOf, REVISION } from './argocd.testing.ts';
import type { Answer } from './argocd.testing.ts';

const input: JsonObject = {
  uid: APP_UID,
  revision: REVISION,
  namespaces: ['shop'],
  last_operation_at: '2026-11-25T09:00:00Z',
};
const earlier = { startedAt: '2026-11-25T09:00:00Z' };
const resting = application({ status: { operationState: operationOf('other/step/1', earlier) } });

function world(app: object, synced: Answer = { status: 200, body: {} }): FakeArgocd {
  return new FakeArgocd(({ what }) => {
    if (what === 'GET applications/shop') return { status: 200, body: app };
    return what === 'POST applications/shop/sync' ? synced : undefined;
  });
}

describe('a sync', () => {
  test('is asked for once, to the very commit, with the key of its step and the token that writes', async () => {
    const argocd = world(resting);
    expect(await argocd.call('sync', input)).toEqual({
      instance: 'main',
      project: 'default',
      app: 'shop',
      uid: APP_UID,
      revision: REVISION,
      prune: false,
      key: KEY,
    });
    expect(argocd.writes).toMatchObject([
      {
        token: 'Bearer writes',
        body: {
          project: 'default',
          revision: REVISION,
          prune: false,
          dryRun: false,
          infos: [{ name: 'carapulse', value: KEY }],
        },
      },
    ]);
  });

  test.each<[string, object]>([
    ['asked for', { operation: { sync: {}, info: [{ name: 'carapulse', value: KEY }] } }],
    ['under way', { status: { operationState: operationOf(KEY, { phase: 'Running' }) } }],
    ['over', { status: { operationState: operationOf(KEY, { phase: 'Failed' }) } }],
  ])('that is %s already is not asked for again', async (_, over) => {
    const argocd = world(application(over));
    expect(await argocd.call('sync', input)).toMatchObject({ key: KEY });
    expect(argocd.writes).toEqual([]);
    expect(await argocd.session('sync', input).observe()).toBe('done');
    expect(await argocd.session('sync', input).readBack()).toMatchObject({ key: KEY });
  });

  test.each<[string, object, string, string]>([
    [
      'of another application',
      { metadata: { ...named(), uid: APP_UID.replace('1', '2') } },
      'plan_stale',
      'app_replaced',
    ],
    [
      'that reaches further than planned',
      application({ spec: { destination: { namespace: 'web' } } }),
      'plan_stale',
      'namespaces_differ',
    ],
    [
      'while another is under way',
      application({ status: { operationState: operationOf('x', { phase: 'Running' }) } }),
      'conflict',
      'operation_in_progress',
    ],
    ['while another is asked for', application({ operation: {} }), 'conflict', 'operation_in_progress'],
    [
      'that Argo CD does',
      application({ spec: { syncPolicy: { automated: {} } } }),
      'not_supported',
      'syncs_itself',
    ],
    ['from two sources', application({ spec: { sources: [{}, {}] } }), 'not_supported', 'sources'],
    ['of a chart', application({ spec: { source: { chart: 'shop' } } }), 'not_supported', 'sources'],
  ])('%s is refused, and nothing is asked for', async (_, app, code, reason) => {
    const argocd = world({ ...application(), ...app });
    const over = { namespaces: '*' };
    await expect(argocd.call('sync', input, over)).rejects.toMatchObject({
      code,
      retryable: code === 'conflict',
      details: { effect: 'none', reason, class: code === 'not_supported' ? 'permanent' : 'conflict' },
    });
    expect(argocd.writes).toEqual([]);
  });

  test('is refused without a token that writes, in a project that is not listed, and by a short revision', async () => {
    const argocd = world(resting);
    await expect(argocd.call('sync', { ...input, project: 'other' })).rejects.toMatchObject({
      details: { reason: 'project_not_listed' },
    });
    expect(argocd.asked).toEqual([]);
    const reading = argocd.session('sync', input, { write_token: undefined as never });
    await expect(reading.run()).rejects.toMatchObject({
      code: 'forbidden',
      details: { effect: 'none', reason: 'write_token_missing' },
    });
    expect(argocd.writes).toEqual([]);
    for (const revision of ['main', 'abc1234', 'HEAD'])
      expect(() => argocd.session('sync', { ...input, revision })).toThrow('commit');
  });

  test('that another one was quicker than is a conflict, without effect', async () => {
    const message = 'another operation is already in progress';
    const argocd = world(resting, { status: 400, body: { code: 9, message } });
    await expect(argocd.call('sync', input)).rejects.toMatchObject({
      code: 'conflict',
      retryable: true,
      details: { effect: 'none', class: 'conflict', reason: 'operation_in_progress' },
    });
  });

  test('that Argo CD failed at may have happened, and one that it refused has not', async () => {
    const effectOf = async (status: number): Promise<unknown> => {
      const failed = await world(resting, { status, body: { message: 'no' } })
        .call('sync', input)
        .catch((error: unknown) => error);
      return (failed as { details: JsonObject }).details['effect'];
    };
    expect(await effectOf(503)).toBeUndefined();
    expect(await effectOf(400)).toBe('none');
    expect(await effectOf(403)).toBe('none');
    const unread = new FakeArgocd(() => ({ status: 503, body: {} }));
    await expect(unread.call('sync', input)).rejects.toMatchObject({ details: { effect: 'none' } });
  });

  test('declares what it reaches', () => {
    expect(() => world(resting).session('sync', { ...input, namespaces: [] })).toThrow('>=1');
  });
});

function named(): object {
  return { name: 'shop', namespace: 'argocd' };
}
