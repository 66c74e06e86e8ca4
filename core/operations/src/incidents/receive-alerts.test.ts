import { describe, expect, it } from 'vitest';
import { testPlan } from '@carapulse/approval/testing';
import { MAX_ALERTS } from '@carapulse/incident';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { receiveAlerts } from './receive-alerts.ts';

const notification = (
  status: 'firing' | 'resolved',
  startsAt: string,
  endsAt = '0001-01-01T00:00:00Z',
  change: object = {},
) => ({
  version: '4',
  groupKey: '{}:{alertname="Down"}',
  status,
  receiver: 'carapulse',
  groupLabels: {},
  commonLabels: {},
  commonAnnotations: {},
  externalURL: 'http://alertmanager',
  truncatedAlerts: 0,
  alerts: [
    {
      status,
      labels: { alertname: 'Down', service: 'shop', severity: 'critical' },
      annotations: {},
      startsAt,
      endsAt,
      generatorURL: '',
      fingerprint: 'f00d',
      ...change,
    },
  ],
});

function setUp() {
  const harness = createHarness();
  const at = (afterMs: number): string => new Date(harness.nowMs + afterMs).toISOString();
  const post = (body: object) =>
    invoke(receiveAlerts, harness.as({ id: 'service:alertmanager', kind: 'service' }), body);
  const investigations = async (incidentId: string) =>
    (await harness.store.read.investigations(incidentId)).length;
  return { harness, at, post, investigations };
}

describe('receive-alerts', () => {
  it('opens one incident with one investigation, however often the alert is sent', async () => {
    const { at, post, investigations } = setUp();
    const first = await post(notification('firing', at(-1000)));
    const again = await post(notification('firing', at(-1000)));
    expect(first.incidents).toMatchObject([{ kind: 'opened' }]);
    expect(again.incidents).toMatchObject([{ kind: 'resent', incident_id: first.incidents[0]?.incident_id }]);
    expect(await investigations(first.incidents[0]?.incident_id ?? '')).toBe(1);
  });

  it('looks again into what flapped once it has fired for longer than the flap window, and only once', async () => {
    const { harness, at, post, investigations } = setUp();
    const started = at(-1000);
    const { incidents } = await post(notification('firing', started));
    const id = incidents[0]?.incident_id ?? '';
    await post(notification('resolved', started, at(0)));
    harness.nowMs += 10_000;
    const again = at(0);
    expect((await post(notification('firing', again))).incidents).toMatchObject([{ kind: 'reopened' }]);
    expect(await investigations(id)).toBe(1);
    harness.nowMs += harness.services.incidents.flap_window_ms;
    await post(notification('firing', again));
    expect(await investigations(id)).toBe(1);
    harness.nowMs += 1000;
    await post(notification('firing', again));
    await post(notification('firing', again));
    expect(await investigations(id)).toBe(2);
  });

  it('records who sent what became of it, and tells clients', async () => {
    const { harness, at, post } = setUp();
    const { received, incidents, rejected, ignored } = await post(notification('firing', at(-1000)));
    const id = incidents[0]?.incident_id ?? '';
    expect({ received, rejected, ignored }).toEqual({ received: 1, rejected: [], ignored: [] });
    expect(await harness.store.read.incident('acme', id)).toMatchObject({
      status: 'open',
      severity: 'critical',
      service: 'shop',
    });
    expect(await harness.store.read.alerts(id)).toMatchObject([{ fingerprint: 'f00d', deliveries: 1 }]);
    expect(await harness.store.read.queuedInvestigations(10)).toMatchObject([{ incident_id: id }]);
    expect(await harness.audit()).toMatchObject([
      {
        action: 'alert.receive',
        actor: { id: 'service:alertmanager' },
        subject: { kind: 'alerts', id: '{}:{alertname="Down"}' },
        outcome: { result: 'ok' },
        details: { groups: [{ kind: 'opened', incident_id: id, alerts: 1 }] },
      },
    ]);
    expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
      { type: 'incident.updated', subject_id: id, data: { status: 'open' } },
    ]);
  });

  it('sent again counts one more delivery and changes nothing else', async () => {
    const { harness, at, post } = setUp();
    const { incidents } = await post(notification('firing', at(-1000)));
    const id = incidents[0]?.incident_id ?? '';
    const incident = await harness.store.read.incident('acme', id);
    await post(notification('firing', at(-1000)));
    expect(await harness.store.read.incident('acme', id)).toEqual(incident);
    expect(await harness.store.read.alerts(id)).toMatchObject([{ deliveries: 2 }]);
    expect(await harness.store.read.events('acme', 0, 10)).toHaveLength(1);
  });

  it.each([
    ['awaiting_approval', 'held'],
    ['approved', 'held'],
    ['executing', 'executing'],
    ['cancelled', 'cancelled'],
  ] as const)('that resolve leave a plan that was %s %s', async (before, after) => {
    const { harness, at, post } = setUp();
    const { incidents } = await post(notification('firing', at(-1000)));
    const incident_id = incidents[0]?.incident_id ?? '';
    const plan = testPlan({ incident_id });
    await harness.storePlan(plan, before);
    expect((await post(notification('resolved', at(-1000), at(0)))).incidents).toMatchObject([
      { kind: 'resolved', incident_id },
    ]);
    expect(await harness.store.read.plan('acme', plan.plan_id)).toMatchObject({ status: after });
    expect(await harness.store.read.incident('acme', incident_id)).toMatchObject({ status: 'resolved' });
  });

  it('ignores a resolution whose firing it never saw, and says so', async () => {
    const { harness, at, post } = setUp();
    expect(await post(notification('resolved', at(-1000), at(0)))).toMatchObject({
      received: 1,
      incidents: [],
      ignored: [{ fingerprint: 'f00d' }],
    });
    expect(await harness.store.read.incidents('acme', null, { limit: 10, after: null })).toMatchObject({
      items: [],
    });
  });

  it('takes the good alerts of a notification and names the bad ones by their place', async () => {
    const { at, post } = setUp();
    const good = notification('firing', at(-1000));
    const receipt = await post({ ...good, alerts: [{ status: 'on fire' }, ...good.alerts] });
    expect(receipt).toMatchObject({ received: 1, incidents: [{ kind: 'opened' }], rejected: [{ index: 0 }] });
  });

  it('audits a notification that holds nothing as well', async () => {
    const { harness, at, post } = setUp();
    const receipt = await post({ ...notification('firing', at(0)), alerts: [] });
    expect(receipt).toEqual({ received: 0, incidents: [], ignored: [], rejected: [] });
    expect(await harness.audit()).toMatchObject([{ action: 'alert.receive', details: { groups: [] } }]);
  });

  it('takes secrets out of what it stores', async () => {
    const { harness, at, post } = setUp();
    const secret = `ghp_${'a1B2'.repeat(9)}`;
    const annotations = { summary: `token ${secret} was refused` };
    const { incidents } = await post(notification('firing', at(-1000), undefined, { annotations }));
    const stored = JSON.stringify([...harness.store.snapshot().alerts.values()]);
    expect(incidents).toHaveLength(1);
    expect(stored).toContain('was refused');
    expect(stored).not.toContain(secret);
  });

  it('commits a storm in short turns, each audited, and loses none', async () => {
    const { harness, at, post } = setUp();
    const [alert] = notification('firing', at(-1000)).alerts;
    const alerts = Array.from({ length: 120 }, (_, index) => ({
      ...alert,
      labels: { alertname: 'Down', service: `shop-${index}` },
      fingerprint: `f${index}`,
    }));
    const receipt = await post({ ...notification('firing', at(-1000)), alerts });
    expect(new Set(receipt.incidents.map(({ incident_id }) => incident_id)).size).toBe(120);
    expect(harness.store.commits).toBe(3);
    expect(await harness.audit()).toHaveLength(3);
  });

  it('opens another incident when the one of its group was closed', async () => {
    const { harness, at, post } = setUp();
    const { incidents } = await post(notification('firing', at(-1000)));
    const incident = await harness.store.read.incident('acme', incidents[0]?.incident_id ?? '');
    if (incident === null) throw new Error('no incident was opened');
    await harness.store.transaction((tx) => tx.updateIncident({ ...incident, status: 'closed' }, 1));
    const again = await post(notification('firing', at(-1000)));
    expect(again.incidents).toMatchObject([{ kind: 'opened' }]);
    expect(again.incidents[0]?.incident_id).not.toBe(incident.incident_id);
  });

  it.each([
    ['no notification', { hello: 1 }, 'invalid_input'],
    ['another version of the format', { version: '3', alerts: [] }, 'invalid_input'],
    [
      'more alerts than it takes at once',
      { version: '4', alerts: Array.from({ length: MAX_ALERTS + 1 }) },
      'payload_too_large',
    ],
  ])('refuses %s', async (_, body, code) => {
    const { harness, post } = setUp();
    expect(await harness.refusal(() => post(body))).toMatchObject({ code, audited: [] });
  });
});
