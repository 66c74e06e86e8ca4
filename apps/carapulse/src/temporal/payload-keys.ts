import { hkdfSync } from 'node:crypto';
import type { PayloadKeys } from '@carapulse/workflow-temporal';

/** Every process of an installation derives the same key from that of the audit chain; the Temporal server can't. */
export function payloadKeys(auditKey: Uint8Array): PayloadKeys {
  const key = new Uint8Array(hkdfSync('sha256', auditKey, '', 'carapulse durable payloads 1', 32));
  return { current: 'installation', keys: { installation: key } };
}
