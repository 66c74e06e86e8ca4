import { AppError, canonicalJson, parseInput, sha256Hex, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';

/** One alert of a notification, normalised. All text is what the sender wrote: data, never an instruction. */
export interface IncomingAlert {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly starts_at: string;
  readonly ends_at: string | null;
  readonly generator_url: string;
}

export interface AlertmanagerNotification {
  readonly receiver: string;
  readonly group_key: string;
  /** How many alerts Alertmanager left out of this notification (its `max_alerts`). */
  readonly truncated_alerts: number;
  readonly alerts: readonly IncomingAlert[];
  /** Alerts that could not be used; the others of the notification are not lost with them. */
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly detail: string }>;
}

/** More alerts than this in one body are refused as a whole; Alertmanager's own `max_alerts` keeps below it. */
export const MAX_ALERTS = 20_000;
const MAX_LABELS = 100;

const WebhookEnvelope = z.object({
  version: z.literal('4', { error: 'version must be "4", the webhook format of Alertmanager' }),
  receiver: z.string().max(1000).default(''),
  groupKey: z.string().max(10_000).default(''),
  truncatedAlerts: z.int().nonnegative().default(0),
  alerts: z.array(z.unknown()).max(MAX_ALERTS),
});

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), {
      error: 'text must be well-formed Unicode without NUL characters',
    });
const labels = z
  .record(text(200).min(1), text(10_000))
  .refine((value) => Object.keys(value).length <= MAX_LABELS, {
    error: `at most ${MAX_LABELS} entries are taken`,
  });
const instant = z.iso.datetime({ offset: true });

const WebhookAlert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels,
  annotations: labels.default({}),
  startsAt: instant,
  endsAt: instant.nullish(),
  generatorURL: text(2000).default(''),
  fingerprint: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,200}$/)
    .or(z.literal(''))
    .optional(),
});

/**
 * Reads the body of Alertmanager's webhook (version 4). Fields that we do not use are ignored; those that we use are
 * strict. A faulty alert is listed in `rejected` with its index, so that one bad alert never costs the others.
 * @throws AppError `invalid_input` when the envelope itself is not one; `payload_too_large` beyond `MAX_ALERTS` alerts.
 */
export function parseAlertmanagerWebhook(body: unknown): AlertmanagerNotification {
  const raw = (body as { alerts?: unknown } | null)?.alerts;
  if (Array.isArray(raw) && raw.length > MAX_ALERTS) {
    throw new AppError(
      'payload_too_large',
      `The notification has ${raw.length} alerts; at most ${MAX_ALERTS} are taken. Set max_alerts on the webhook receiver.`,
    );
  }
  const envelope = parseInput(WebhookEnvelope, body, 'The Alertmanager notification');
  const alerts: IncomingAlert[] = [];
  const rejected: { index: number; detail: string }[] = [];
  for (const [index, item] of envelope.alerts.entries()) {
    const parsed = WebhookAlert.safeParse(item);
    if (parsed.success) {
      alerts.push(normalise(parsed.data));
    } else {
      const issue = parsed.error.issues[0];
      const field = issue?.path.map(String).join('.') ?? '';
      rejected.push({ index, detail: `${shortened(field)}: ${issue?.message ?? 'faulty'}`.slice(0, 300) });
    }
  }
  return {
    receiver: envelope.receiver,
    group_key: envelope.groupKey,
    truncated_alerts: envelope.truncatedAlerts,
    alerts,
    rejected,
  };
}

/** The reason comes after it, so that a long name must not push it out. */
function shortened(field: string): string {
  return field.length <= 100 ? field : `${field.slice(0, 99).toWellFormed()}…`;
}

function normalise(alert: z.infer<typeof WebhookAlert>): IncomingAlert {
  const endsAt = Date.parse(alert.endsAt ?? '');
  return {
    fingerprint:
      alert.fingerprint === undefined || alert.fingerprint === ''
        ? alertFingerprint(alert.labels)
        : alert.fingerprint,
    status: alert.status,
    labels: alert.labels,
    annotations: alert.annotations,
    starts_at: toTimestamp(Date.parse(alert.startsAt)),
    // Alertmanager writes the year 1 for "not known yet", and a time in the future while an alert is firing.
    ends_at: alert.status === 'resolved' && endsAt > 0 ? toTimestamp(endsAt) : null,
    generator_url: alert.generatorURL,
  };
}

/** Identity of an alert whose source gave none: a hash of its labels. */
export function alertFingerprint(labels: Readonly<Record<string, string>>): string {
  return sha256Hex(canonicalJson(labels)).slice(0, 32);
}
