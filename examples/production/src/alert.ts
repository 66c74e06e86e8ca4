/** Labels or annotations of an alert. */
export type AlertText = Readonly<Record<string, string>>;

export interface Alert {
  readonly status: 'firing' | 'resolved';
  readonly labels: AlertText;
  readonly annotations: AlertText;
  /** RFC 3339. `endsAt` is the zero time while the alert fires, as Alertmanager sends it. */
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

/** Body of Alertmanager's webhook, version 4 (prometheus.io, "webhook_config"). */
export interface AlertmanagerWebhook {
  readonly version: '4';
  readonly groupKey: string;
  readonly truncatedAlerts: number;
  readonly status: 'firing' | 'resolved';
  readonly receiver: string;
  readonly groupLabels: AlertText;
  readonly commonLabels: AlertText;
  readonly commonAnnotations: AlertText;
  readonly externalURL: string;
  readonly alerts: readonly Alert[];
}

export const ALERT_LABELS: AlertText = {
  alertname: 'CheckoutErrors',
  environment: 'production',
  service: 'checkout',
  severity: 'critical',
};

/** An episode of failure: when it began, and when it ended if it did. */
export interface Episode {
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly annotations: AlertText;
}

const ZERO_TIME = '0001-01-01T00:00:00Z';

/** The webhook body of one episode, grouped by alertname and service. `platformUrl` serves the probe's samples. */
export function renderWebhook(episode: Episode, platformUrl: string): AlertmanagerWebhook {
  const status = episode.endsAt === null ? 'firing' : 'resolved';
  const groupLabels = { alertname: 'CheckoutErrors', service: 'checkout' };
  const group = Object.entries(groupLabels).map(([name, value]) => `${name}="${value}"`);
  return {
    version: '4',
    groupKey: `{}:{${group.join(', ')}}`,
    truncatedAlerts: 0,
    status,
    receiver: 'carapulse',
    groupLabels,
    commonLabels: ALERT_LABELS,
    commonAnnotations: episode.annotations,
    externalURL: platformUrl,
    alerts: [
      {
        status,
        labels: ALERT_LABELS,
        annotations: episode.annotations,
        startsAt: episode.startsAt,
        endsAt: episode.endsAt ?? ZERO_TIME,
        generatorURL: `${platformUrl}/probes/checkout`,
        fingerprint: fingerprint(ALERT_LABELS),
      },
    ],
  };
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/**
 * Prometheus' fingerprint of a label set: 64-bit FNV-1a over name, 0xff, value, 0xff of each label by sorted name
 * (prometheus/common, model.LabelSet.Fingerprint), as 16 hexadecimal digits.
 */
export function fingerprint(labels: AlertText): string {
  let hash = FNV_OFFSET;
  for (const name of Object.keys(labels).sort()) {
    for (const part of [name, labels[name] ?? '']) {
      for (const byte of [...Buffer.from(part), 0xff]) {
        hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
      }
    }
  }
  return hash.toString(16).padStart(16, '0');
}
