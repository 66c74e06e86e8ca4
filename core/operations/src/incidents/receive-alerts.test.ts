import { expect, test } from 'vitest';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/harness.ts';
import { receiveAlerts } from './receive-alerts.ts';

const COMMIT = '9c13339ef4025d118ef6db700ea2e38b95d0b6c4';

test('secrets in an alert are never stored; names and revisions are', async () => {
  const harness = createHarness();
  const labels = { alertname: 'Down', service: 'shop', commit: COMMIT, api_token: 'hunter2hunter2' };
  const body = {
    version: '4',
    alerts: [
      {
        status: 'firing',
        startsAt: '2026-01-01T00:00:00Z',
        labels,
        annotations: { summary: 'cannot reach postgres://shop:hunter2hunter2@db/shop' },
        generatorURL: 'http://prometheus.example/graph?token=hunter2hunter2',
      },
    ],
  };
  const sender = harness.as({ id: 'service:alertmanager', kind: 'service', roles: ['operator'] });
  const receipt = await invoke(receiveAlerts, sender, body);
  const alerts = await harness.store.read.alerts(receipt.incidents[0]?.incident_id ?? '');
  expect(alerts).toHaveLength(1);
  expect(alerts[0]?.labels).toMatchObject({ alertname: 'Down', service: 'shop', commit: COMMIT });
  expect(JSON.stringify([alerts, await harness.audit()])).not.toContain('hunter2');
});
