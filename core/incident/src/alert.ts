import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';

const labels = z.record(z.string().max(200), z.string().max(10_000));

/** One alert as it was received. Labels and annotations are untrusted data. */
export const Alert = z.strictObject({
  alert_id: idSchema('alert'),
  tenant_id: z.string(),
  /** Identity of the alert at its source: Alertmanager's fingerprint, else a hash of the labels. */
  fingerprint: z.string().min(1).max(200),
  status: z.enum(['firing', 'resolved']),
  labels,
  annotations: labels,
  starts_at: z.iso.datetime(),
  ends_at: z.iso.datetime().nullable(),
  generator_url: z.string().max(2000),
  received_at: z.iso.datetime(),
  /** How many times this firing was sent to us, resends included. */
  deliveries: z.int().positive(),
  incident_id: idSchema('incident'),
});
export type Alert = z.infer<typeof Alert>;
