import type { AuditEntry, AuditWriter } from '@carapulse/audit';
import type { Actor, ContextRef } from '@carapulse/kernel';
import type { StoreTransaction } from './ports/index.ts';

/** What an operation says of itself for the record; who, when and in which request is added. */
export type AuditNote = Pick<
  AuditEntry,
  'action' | 'phase' | 'subject' | 'decision' | 'outcome' | 'details'
> & {
  /** The installation's own when absent. */
  readonly context?: ContextRef;
};

/** Who speaks, and what seals it onto the chain. */
export interface AuditSpeaker {
  readonly actor: Actor;
  readonly requestId: string;
  readonly services: {
    readonly audit: AuditWriter;
    readonly settings: { readonly environment: string };
  };
}

/** Appends one record inside the caller's transaction, after its domain rows. */
export async function recordEvent(
  tx: StoreTransaction,
  speaker: AuditSpeaker,
  note: AuditNote,
): Promise<void> {
  const { actor, requestId, services } = speaker;
  const context = note.context ?? { tenant_id: actor.tenant_id, environment: services.settings.environment };
  const entry = { ...note, context, tenant_id: actor.tenant_id, actor, request_id: requestId };
  await tx.appendAudit(services.audit.entry(entry));
}
