import type { Actor, ContextRef, JsonObject } from '@carapulse/kernel';
import type { StoreTransaction, StoredAudit } from './ports/index.ts';

/** What an operation says of itself for the record. */
export interface AuditNote {
  /** `noun.verb`, e.g. `plan.create`. */
  readonly action: string;
  readonly phase: 'intent' | 'outcome' | 'event';
  readonly subject: { readonly kind: string; readonly id: string };
  readonly outcome: {
    readonly result: 'ok' | 'denied' | 'failed' | 'unknown';
    readonly code?: string;
  } | null;
  readonly context?: ContextRef;
  readonly decision?: string;
  readonly details: JsonObject;
}

/** A note with who, when and in which request. */
export interface AuditEntry extends AuditNote {
  readonly tenant_id: string;
  readonly at: string;
  readonly actor: Actor;
  readonly request_id: string;
}

/** Seals an entry onto the chain's head with the key that only this process holds. Pure. */
export interface AuditChain {
  seal(entry: AuditEntry, head: { readonly seq: number; readonly mac: string | null }): StoredAudit;
}

/** Appends one record and its `audit.created` event inside the caller's transaction. */
export async function recordEvent(
  tx: StoreTransaction,
  context: {
    readonly actor: Actor;
    readonly requestId: string;
    readonly services: { readonly audit: AuditChain };
  },
  note: AuditNote,
  at: string,
): Promise<void> {
  const { actor, requestId, services } = context;
  const entry: AuditEntry = { ...note, tenant_id: actor.tenant_id, at, actor, request_id: requestId };
  await tx.appendAudit((head) => services.audit.seal(entry, head));
}
