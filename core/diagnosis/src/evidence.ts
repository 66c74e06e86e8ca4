import { JsonValue } from '@carapulse/kernel';
import { z } from 'zod';

/** One thing that was seen. `data` is untrusted: it is compared and shown, never interpreted. */
export const Evidence = z.strictObject({
  evidence_id: z.string().min(1),
  /** What it is evidence of, e.g. `git_log`, `service_log`, `probe_samples`, `deployments`. */
  kind: z.string().min(1).max(100),
  source: z.strictObject({ tool: z.string(), action: z.string(), target: z.string() }),
  collected_at: z.iso.datetime(),
  data: JsonValue,
  /** sha256 of the stored object. */
  digest: z.string().min(1),
});
export type Evidence = z.infer<typeof Evidence>;
