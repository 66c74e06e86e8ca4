import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ALERTS, parseAlertmanagerWebhook } from './alertmanager-webhook.ts';

const alert = (change: Readonly<Record<string, unknown>> = {}) => ({
  status: 'firing',
  labels: { alertname: 'CheckoutErrors', service: 'checkout', severity: 'critical' },
  annotations: { summary: 'checkout fails' },
  startsAt: '2026-11-21T10:00:00.123456789Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus.example/graph',
  fingerprint: '1a2b3c4d5e6f7a8b',
  ...change,
});
const body = (alerts: readonly unknown[], change: Readonly<Record<string, unknown>> = {}) => ({
  version: '4',
  groupKey: '{}:{alertname="CheckoutErrors"}',
  truncatedAlerts: 0,
  status: 'firing',
  receiver: 'carapulse',
  groupLabels: {},
  commonLabels: {},
  commonAnnotations: {},
  externalURL: 'http://alertmanager.example',
  alerts,
  ...change,
});

describe('parseAlertmanagerWebhook', () => {
  it('reads what Alertmanager sends, times in milliseconds, no end while firing, unknown fields ignored', () => {
    const notification = parseAlertmanagerWebhook(
      body([alert({ somethingNew: { a: 1 } })], { newField: true }),
    );
    expect(notification.rejected).toEqual([]);
    expect(notification.alerts).toEqual([
      {
        fingerprint: '1a2b3c4d5e6f7a8b',
        status: 'firing',
        labels: { alertname: 'CheckoutErrors', service: 'checkout', severity: 'critical' },
        annotations: { summary: 'checkout fails' },
        starts_at: '2026-11-21T10:00:00.123Z',
        ends_at: null,
        generator_url: 'http://prometheus.example/graph',
      },
    ]);
  });

  it('takes the end of a resolved alert, with its zone, and none from one that fires', () => {
    const end = '2026-11-21T12:30:00+02:00';
    const [resolved, firing] = parseAlertmanagerWebhook(
      body([alert({ status: 'resolved', endsAt: end }), alert({ endsAt: end })]),
    ).alerts;
    expect(resolved?.ends_at).toBe('2026-11-21T10:30:00.000Z');
    expect(firing?.ends_at).toBeNull();
  });

  it('names an alert by its labels when its source gave no fingerprint, whatever their order', () => {
    const named = (labels: object) =>
      parseAlertmanagerWebhook(body([alert({ fingerprint: '', labels })])).alerts[0]?.fingerprint;
    expect(named({ a: '1', b: '2' })).toBe(named({ b: '2', a: '1' }));
    expect(named({ a: '1', b: '2' })).not.toBe(named({ a: '12', b: '' }));
  });

  it.each([
    ['no status', { status: undefined }, 'status'],
    ['a label that is a number', { labels: { a: 1 } }, 'labels.a'],
    ['a NUL in an annotation', { annotations: { a: 'x\0y' } }, 'annotations.a'],
    ['half a surrogate pair', { labels: { a: '\uD800' } }, 'labels.a'],
    ['a label of eleven thousand characters', { labels: { a: 'x'.repeat(11_000) } }, 'labels.a'],
    [
      'more labels than anybody needs',
      { labels: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`l${i}`, ''])) },
      'labels',
    ],
    ['a start that is no time', { startsAt: 'yesterday' }, 'startsAt'],
    ['a fingerprint with a slash', { fingerprint: '../x' }, 'fingerprint'],
  ])('refuses an alert with %s and keeps its neighbours', (_, change, where) => {
    const notification = parseAlertmanagerWebhook(body([alert(), alert(change), alert()]));
    expect(notification.alerts).toHaveLength(2);
    expect(notification.rejected).toHaveLength(1);
    expect(notification.rejected[0]).toMatchObject({ index: 1 });
    expect(notification.rejected[0]?.detail).toContain(where);
  });

  it('says what is wrong with a label however long its name is', () => {
    const labels = { alertname: 'a', ['k'.repeat(5000)]: 'v' };
    const { rejected } = parseAlertmanagerWebhook(body([alert({ labels })]));
    expect(rejected[0]?.detail).toMatch(/^labels\.k{92}…: \S/);
  });

  it('refuses what is no notification, by code', () => {
    for (const wrong of [null, 'text', [], {}, body([], { version: '3' }), { ...body([]), alerts: {} }]) {
      expect(() => parseAlertmanagerWebhook(wrong)).toThrow(
        expect.objectContaining({ code: 'invalid_input' }),
      );
    }
    expect(() => parseAlertmanagerWebhook(body(Array.from({ length: MAX_ALERTS + 1 })))).toThrow(
      expect.objectContaining({ code: 'payload_too_large' }),
    );
  });

  it('keeps hostile text as it came, and never fails in another way than by code', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (name, value) => {
        const labels = { [`l${name}`]: value, alertname: 'A' };
        const { alerts, rejected } = parseAlertmanagerWebhook(body([alert({ labels })]));
        expect(alerts.length + rejected.length).toBe(1);
        if (alerts[0] !== undefined) expect(alerts[0].labels).toEqual(labels);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseAlertmanagerWebhook(value);
        } catch (error) {
          expect(error).toMatchObject({ name: 'AppError' });
        }
      }),
    );
  });
});
