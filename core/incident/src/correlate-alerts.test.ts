import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alert } from './alert.ts';
import type { IncomingAlert } from './alertmanager-webhook.ts';
import { correlateAlerts, type Correlation, type OpenIncident } from './correlate-alerts.ts';
import { groupAlerts } from './group-alerts.ts';
import { assertIncidentTransition, Incident } from './incident.ts';
import { IncidentSettings } from './incident-settings.ts';

const settings = IncidentSettings.parse({});
const at = (second: number): string => new Date(Date.UTC(2026, 10, 21, 10) + second * 1000).toISOString();

const incoming = (change: Partial<IncomingAlert> = {}): IncomingAlert => ({
  fingerprint: 'f1',
  status: 'firing',
  labels: {
    alertname: 'CheckoutErrors',
    service: 'checkout',
    severity: 'critical',
    environment: 'production',
  },
  annotations: { summary: 'checkout fails' },
  starts_at: at(0),
  ends_at: null,
  generator_url: '',
  ...change,
});

/** A record of incidents driven by correlations alone, as the store would keep it. */
function createLedger() {
  const open = new Map<string, OpenIncident>();
  let counter = 0;
  const id = (prefix: string) => () => `${prefix}_${String((counter += 1)).padStart(26, '0')}`;
  return {
    open,
    deliver(second: number, ...alerts: readonly IncomingAlert[]): readonly Correlation[] {
      const correlations = correlateAlerts({
        tenantId: 'default',
        groups: groupAlerts(alerts, settings, 'default'),
        open,
        receivedAt: at(second),
        flapWindowMs: settings.flap_window_ms,
        newIncidentId: id('inc'),
        newAlertId: id('al'),
      });
      for (const correlation of correlations) {
        if (correlation.incident === null) continue;
        const before = open.get(correlation.group_key);
        if (before !== undefined && correlation.expected_revision !== null) {
          expect(correlation.expected_revision).toBe(before.incident.revision);
          if (before.incident.status !== correlation.incident.status) {
            assertIncidentTransition(before.incident.status, correlation.incident.status);
          }
        }
        const alerts = new Map((before?.alerts ?? []).map((alert) => [alert.fingerprint, alert]));
        for (const alert of correlation.alerts) alerts.set(alert.fingerprint, Alert.parse(alert));
        open.set(correlation.group_key, {
          incident: Incident.parse(correlation.incident),
          alerts: [...alerts.values()],
        });
      }
      return correlations;
    },
  };
}

const kinds = (correlations: readonly Correlation[]) => correlations.map((each) => each.kind);
const only = (ledger: ReturnType<typeof createLedger>): OpenIncident => {
  const [first] = ledger.open.values();
  if (first === undefined) throw new Error('there is no incident');
  return first;
};

describe('correlateAlerts', () => {
  it('opens one incident for the alerts of one service in one place, and investigates it', () => {
    const ledger = createLedger();
    const [correlation] = ledger.deliver(5, incoming(), incoming({ fingerprint: 'f2', starts_at: at(-3) }));
    expect(correlation).toMatchObject({ kind: 'opened', investigate: true });
    expect(correlation?.incident).toMatchObject({
      status: 'open',
      service: 'checkout',
      severity: 'critical',
      context: { tenant_id: 'default', environment: 'production' },
      title: 'CheckoutErrors on checkout: checkout fails',
      opened_at: at(-3),
    });
    expect(correlation?.alerts).toHaveLength(2);
  });

  it('counts a resend and changes nothing else', () => {
    const ledger = createLedger();
    ledger.deliver(1, incoming());
    const [again] = ledger.deliver(2, incoming());
    expect(again).toMatchObject({ kind: 'resent', investigate: false, expected_revision: null });
    expect(only(ledger).alerts).toMatchObject([{ deliveries: 2 }]);
    expect(only(ledger).incident.revision).toBe(1);
  });

  it('resolves with the last alert and not before', () => {
    const ledger = createLedger();
    ledger.deliver(1, incoming(), incoming({ fingerprint: 'f2' }));
    expect(kinds(ledger.deliver(2, incoming({ status: 'resolved' })))).toEqual(['updated']);
    expect(kinds(ledger.deliver(3, incoming({ status: 'resolved', fingerprint: 'f2' })))).toEqual([
      'resolved',
    ]);
    expect(only(ledger).incident).toMatchObject({ status: 'resolved', resolved_at: at(3) });
  });

  it('opens a resolved incident again, without an investigation while it flaps and with one later', () => {
    const ledger = createLedger();
    ledger.deliver(1, incoming());
    ledger.deliver(2, incoming({ status: 'resolved' }));
    expect(ledger.deliver(3, incoming({ starts_at: at(3) }))).toMatchObject([
      { kind: 'reopened', investigate: false },
    ]);
    ledger.deliver(4, incoming({ status: 'resolved', starts_at: at(3) }));
    const later = 4 + settings.flap_window_ms / 1000 + 1;
    expect(ledger.deliver(later, incoming({ starts_at: at(later) }))).toMatchObject([
      { kind: 'reopened', investigate: true, incident: { status: 'open', resolved_at: null } },
    ]);
  });

  it('opens and investigates again what fires after a clock that was ahead has been set back', () => {
    const ledger = createLedger();
    ledger.deliver(7200, incoming({ starts_at: at(7200) }));
    ledger.deliver(7300, incoming({ status: 'resolved', starts_at: at(7200) }));
    expect(ledger.deliver(10, incoming({ starts_at: at(9) }))).toMatchObject([
      { kind: 'reopened', investigate: true, alerts: [{ starts_at: at(9) }] },
    ]);
  });

  it('does not let a late resolution end a newer firing, nor a late resend start one that has ended', () => {
    const ledger = createLedger();
    ledger.deliver(10, incoming({ starts_at: at(9) }));
    expect(ledger.deliver(11, incoming({ status: 'resolved', starts_at: at(0) }))).toMatchObject([
      { kind: 'ignored', ignored: [{ reason: 'an older firing of this alert' }] },
    ]);
    ledger.deliver(12, incoming({ status: 'resolved', starts_at: at(9) }));
    expect(kinds(ledger.deliver(13, incoming({ starts_at: at(9) })))).toEqual(['ignored']);
    expect(only(ledger).incident.status).toBe('resolved');
  });

  it('ignores a resolution of what was never seen, and keeps a firing that came and went in one body', () => {
    expect(kinds(createLedger().deliver(1, incoming({ status: 'resolved' })))).toEqual(['ignored']);
    const ledger = createLedger();
    const [both] = ledger.deliver(1, incoming({ status: 'resolved' }), incoming());
    expect(both).toMatchObject({ kind: 'opened', investigate: false, incident: { status: 'resolved' } });
  });

  it('takes 5,000 alerts of 500 services in one call, loses none, and needs time linear in them', () => {
    const storm = Array.from({ length: 5000 }, (_, index) =>
      incoming({ fingerprint: `f${index}`, labels: { alertname: 'Down', service: `s${index % 500}` } }),
    );
    const ledger = createLedger();
    const correlations = ledger.deliver(1, ...storm);
    expect(kinds(correlations)).toEqual(Array.from({ length: 500 }, () => 'opened'));
    expect(correlations.flatMap((each) => each.alerts)).toHaveLength(5000);
    const again = ledger.deliver(2, ...storm);
    expect(again.every((each) => each.kind === 'resent')).toBe(true);
    expect(ledger.open.size).toBe(500);
  });

  it('is firing exactly when one of its alerts is, after any sequence of deliveries', () => {
    const delivery = fc.record({
      fingerprint: fc.constantFrom('a', 'b', 'c'),
      status: fc.constantFrom('firing' as const, 'resolved' as const),
      start: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(delivery, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        (batches) => {
          const ledger = createLedger();
          batches.forEach((batch, second) =>
            ledger.deliver(
              second + 10,
              ...batch.map(({ start, ...rest }) => incoming({ ...rest, starts_at: at(start) })),
            ),
          );
          for (const { incident, alerts } of ledger.open.values()) {
            const firing = alerts.some((alert) => alert.status === 'firing');
            expect(incident.status === 'resolved').toBe(!firing);
            expect(incident.resolved_at === null).toBe(firing);
          }
          expect(ledger.open.size).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('groupAlerts', () => {
  const group = (labels: Readonly<Record<string, string>>, custom = settings) =>
    groupAlerts([incoming({ labels })], custom, 'default')[0];

  it('keeps places and services apart, and alerts without a service by their name', () => {
    const keys = [
      { service: 'checkout' },
      { service: 'checkout', environment: 'staging' },
      { service: 'checkout', namespace: 'b' },
      { service: 'storefront' },
      { alertname: 'NodeDown' },
      { alertname: 'DiskFull' },
    ].map((labels) => group(labels)?.group_key);
    expect(new Set(keys).size).toBe(6);
  });

  it('lets what is configured of a service win over what the alert claims', () => {
    const custom = IncidentSettings.parse({ service_context: { checkout: { environment: 'production' } } });
    expect(group({ service: 'checkout', environment: 'dev' }, custom)?.context.environment).toBe(
      'production',
    );
    expect(group({ service: 'other', environment: 'dev' }, custom)?.context.environment).toBe('dev');
  });

  it('maps severities and takes the worst of a group', () => {
    const of = (...severities: readonly string[]) =>
      groupAlerts(
        severities.map((severity, index) =>
          incoming({ fingerprint: `f${index}`, labels: { service: 's', severity } }),
        ),
        settings,
        'default',
      )[0]?.severity;
    expect(of('WARN')).toBe('warning');
    expect(of('info', 'page')).toBe('critical');
    expect(of('odd')).toBe('unknown');
    expect(of('constructor', '__proto__')).toBe('unknown');
  });

  it('does not take for a name what is none: it counts as absent', () => {
    expect(group({ service: '$(reboot)', app: 'checkout' })?.service).toBe('checkout');
    expect(group({ service: '-rf', alertname: 'A' })?.service).toBeNull();
    expect(group({ service: 'x\ny', environment: '../../etc' })?.context.environment).toBe('production');
  });

  it('holds title and key within their bounds whatever the labels say', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 3000 }), (text) => {
        const alertname = text.toWellFormed();
        const made = group({ alertname, service: alertname });
        expect(made?.title.length).toBeLessThanOrEqual(500);
        expect(made?.title.isWellFormed()).toBe(true);
        expect(made?.group_key.length).toBeLessThanOrEqual(1000);
      }),
    );
  });
});
