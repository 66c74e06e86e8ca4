import { expect, test } from 'vitest';
import { ALERT_LABELS, fingerprint, renderWebhook } from './alert.ts';

const platformUrl = 'http://127.0.0.1:9093';
const annotations = { summary: 'Requests to checkout fail', description: 'status 504' };
const startsAt = '2026-11-21T12:00:00.000Z';

test('fingerprints label sets as Prometheus does', () => {
  // The two vectors of prometheus/common, model/signature_test.go and model/metric_test.go.
  expect(BigInt(`0x${fingerprint({})}`)).toBe(14_695_981_039_346_656_037n);
  const fear = fingerprint({ name: 'garland, briggs', fear: 'love is not enough' });
  expect(BigInt(`0x${fear}`)).toBe(5_799_056_148_416_392_346n);
});

test('a firing episode has exactly the fields of the webhook, version 4', () => {
  const webhook = renderWebhook({ startsAt, endsAt: null, annotations }, platformUrl);
  expect(webhook).toEqual({
    version: '4',
    groupKey: '{}:{alertname="CheckoutErrors", service="checkout"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'carapulse',
    groupLabels: { alertname: 'CheckoutErrors', service: 'checkout' },
    commonLabels: ALERT_LABELS,
    commonAnnotations: annotations,
    externalURL: platformUrl,
    alerts: [
      {
        status: 'firing',
        labels: ALERT_LABELS,
        annotations,
        startsAt,
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: `${platformUrl}/probes/checkout`,
        fingerprint: fingerprint(ALERT_LABELS),
      },
    ],
  });
});

test('a resolved episode keeps its start and fingerprint and says when it ended', () => {
  const endsAt = '2026-11-21T12:01:00.000Z';
  const webhook = renderWebhook({ startsAt, endsAt, annotations }, platformUrl);
  expect(webhook.status).toBe('resolved');
  expect(webhook.alerts[0]).toMatchObject({
    status: 'resolved',
    startsAt,
    endsAt,
    fingerprint: fingerprint(ALERT_LABELS),
  });
});
