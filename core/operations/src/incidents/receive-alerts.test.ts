import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { receiveAlerts } from './receive-alerts.ts';

const notification = (status: 'firing' | 'resolved', startsAt: string, endsAt = '0001-01-01T00:00:00Z') => ({
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
});
