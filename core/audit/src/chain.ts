import { createHash, createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { AppError, canonicalJson, toTimestamp } from '@carapulse/kernel';
import type { Clock, JsonObject, JsonValue } from '@carapulse/kernel';
import type { AuditDecision, AuditEntry, AuditRecord, AuditRow } from './audit-record.ts';

/** Where a chain stands: its last record, or `{seq: 0, mac: null}` before the first. */
export interface ChainHead {
  readonly seq: number;
  readonly mac: string | null;
}

export const EMPTY_CHAIN: ChainHead = { seq: 0, mac: null };

/** The secret of one chain. `keyId` is derived from the secret, so a wrong key is told from a changed record. */
export interface ChainKey {
  readonly chainId: string;
  readonly keyId: string;
  /** Prepared once: an HMAC over raw bytes prepares its key anew for every record. */
  readonly secret: KeyObject;
}

/** @throws AppError `invalid_input` when the secret is shorter than 32 bytes or the chain has no name. */
export function createChainKey(chainId: string, secret: Uint8Array): ChainKey {
  if (chainId === '') throw new AppError('invalid_input', 'The audit chain needs a name');
  if (secret.length < 32) {
    throw new AppError(
      'invalid_input',
      `The audit key has ${secret.length} bytes; it needs at least 32 random ones`,
    );
  }
  const keyId = createHmac('sha256', secret).update('carapulse.audit.key-id.v1').digest('hex').slice(0, 16);
  return { chainId, keyId, secret: createSecretKey(secret) };
}

/** `prev_mac` of the first record: it binds the chain's name, so that records don't move between chains. */
export function genesisMac(chainId: string): string {
  return createHash('sha256').update(`carapulse.audit.genesis.v1\0${chainId}`).digest('hex');
}

/** Lower-case hex HMAC-SHA256 over a domain tag, a zero byte and the canonical JSON of the record without `mac`. */
export function recordMac(unsealed: Readonly<Record<string, unknown>>, key: ChainKey): string {
  const text = `carapulse.audit.record.v1\0${canonicalJson(unsealed)}`;
  return createHmac('sha256', key.secret).update(text).digest('hex');
}

/** Compares two hex MACs in constant time. */
export function macsEqual(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

/**
 * Appends one entry to the chain. Pure: the caller holds the head's lock and stores the record with the new head.
 * @throws AppError `invalid_input` when the entry has no canonical JSON; `internal` when the head is not one.
 */
export function appendAudit(
  head: ChainHead,
  entry: AuditEntry,
  key: ChainKey,
): { readonly record: AuditRecord; readonly head: ChainHead } {
  if (!Number.isSafeInteger(head.seq) || head.seq < 0 || (head.seq === 0) !== (head.mac === null)) {
    throw new AppError(
      'internal',
      `The audit head (seq ${head.seq}) is damaged; run \`assistantctl audit verify\``,
    );
  }
  const unsealed = {
    ...entry,
    seq: head.seq + 1,
    key_id: key.keyId,
    prev_mac: head.mac ?? genesisMac(key.chainId),
  };
  const mac = recordMac(unsealed, key);
  return { record: { ...unsealed, mac }, head: { seq: unsealed.seq, mac } };
}

/** The row a store keeps for a record. */
export function toAuditRow(record: AuditRecord): AuditRow {
  return { ...columnsOf(record), record: canonicalJson(record) };
}

/** What the columns beside the record repeat of it. */
export function columnsOf(record: AuditRecord): Omit<AuditRow, 'record'> {
  return {
    seq: record.seq,
    tenant_id: record.tenant_id,
    at: record.at,
    action: record.action,
    actor_id: record.actor.id,
    subject_id: record.subject.id,
    mac: record.mac,
  };
}

/** Makes the function that a store calls under its head lock: stamps the time, redacts, chains. */
export interface AuditWriter {
  entry(entry: Omit<AuditEntry, 'at'>): (head: ChainHead) => AuditRow;
}

/**
 * The one way into the chain: `details` and policy's sentences pass through `redact`, so that no caller can forget it.
 * Records are stamped under the head lock, so their times follow their order as far as the clock does.
 */
export function createAuditWriter(options: {
  readonly key: ChainKey;
  readonly clock: Clock;
  readonly redact: (value: unknown) => JsonValue;
}): AuditWriter {
  return {
    entry: (entry) => {
      const details = options.redact(entry.details) as JsonObject;
      const { decision, ...rest } = entry;
      const clean =
        decision === undefined
          ? { ...rest, details }
          : { ...rest, details, decision: options.redact(decision) as AuditDecision };
      return (head) => {
        const at = toTimestamp(options.clock.nowMs());
        return toAuditRow(appendAudit(head, { ...clean, at }, options.key).record);
      };
    },
  };
}
