import { hasPermission, type Permission } from '@carapulse/governance';
import { AppError, parseInput, toAppError, toTimestamp, type Actor } from '@carapulse/kernel';
import type { z } from 'zod';
import { recordEvent, type AuditNote } from './audit-trail.ts';
import type { EventRecord, StoreTransaction } from './ports/index.ts';
import type { Services } from './services.ts';

/** Who asks, in which request, with what to reach. */
export interface OperationContext {
  readonly actor: Actor;
  readonly requestId: string;
  readonly signal: AbortSignal;
  readonly services: Services;
  /** Goes with each commit of the verb, in the same transaction. */
  readonly onCommit?: (tx: StoreTransaction) => Promise<void>;
}

/** What a write leaves behind besides its rows. */
export interface Committed<T> {
  readonly result: T;
  readonly audit: AuditNote;
  readonly events: ReadonlyArray<Pick<EventRecord, 'type' | 'subject_id' | 'data'>>;
}

/** Does domain work and its audit record in one transaction. */
export type Commit = <T>(work: (tx: StoreTransaction) => Promise<Committed<T>>) => Promise<T>;

interface OperationHead<Input> {
  /** `verb-noun`, the name of its file. */
  readonly name: string;
  readonly permission: Permission;
  readonly input: z.ZodType<Input>;
}

/** A verb that only looks. */
export interface ReadOperation<Input, Output> extends OperationHead<Input> {
  readonly kind: 'read';
  readonly run: (context: OperationContext, input: Input) => Promise<Output>;
}

/** A verb that changes something. It cannot succeed without an audited commit. */
export interface WriteOperation<Input, Output> extends OperationHead<Input> {
  readonly kind: 'write';
  /** Name in the audit trail, `noun.verb`. */
  readonly auditAction: string;
  readonly run: (context: OperationContext, input: Input, commit: Commit) => Promise<Output>;
}

export type Operation<Input, Output> = ReadOperation<Input, Output> | WriteOperation<Input, Output>;

/** Failures of a verb that say that this caller may not: an attempt that the trail must show. */
const REFUSALS: ReadonlySet<string> = new Set(['forbidden', 'approval_invalid']);

/**
 * Runs an operation: authorise → parse → act and audit. Every surface comes through here.
 * @throws AppError `forbidden` naming the missing permission, `invalid_input`, or what the verb throws. What refuses
 * the caller (`forbidden`, `approval_invalid`) is audited, wherever it is thrown.
 */
export async function invoke<Input, Output>(
  operation: Operation<Input, Output>,
  context: OperationContext,
  rawInput: unknown,
): Promise<Output> {
  await authorise(operation, context);
  const input = parseInput(operation.input, rawInput, `Input of ${operation.name}`);
  if (operation.kind === 'read') return operation.run(context, input);
  let commits = 0;
  const counted: Commit = async (work) => {
    const result = await commitAudited(context, async (tx) => {
      await context.onCommit?.(tx);
      return work(tx);
    });
    commits += 1;
    return result;
  };
  const output = await operation.run(context, input, counted).catch(async (error: unknown) => {
    const failure = toAppError(error);
    if (REFUSALS.has(failure.code)) await auditRefusal(operation, context, failure);
    throw error;
  });
  if (commits === 0) {
    throw new AppError('internal', `Operation ${operation.name} ended without an audited commit.`);
  }
  return output;
}

/** One transaction: domain rows, then events, then the audit record under the head lock. */
export async function commitAudited<T>(
  context: OperationContext,
  work: (tx: StoreTransaction) => Promise<Committed<T>>,
): Promise<T> {
  const { services, actor } = context;
  return services.store.transaction(async (tx) => {
    const { result, audit, events } = await work(tx);
    const at = toTimestamp(services.clock.nowMs());
    for (const event of events) await tx.appendEvent({ ...event, tenant_id: actor.tenant_id, at });
    await recordEvent(tx, context, audit);
    return result;
  });
}

async function authorise(
  operation: { readonly name: string; readonly permission: Permission },
  context: OperationContext,
): Promise<void> {
  if (hasPermission(context.actor, operation.permission)) return;
  const failure = new AppError(
    'forbidden',
    `${context.actor.id} lacks the permission ${operation.permission} that ${operation.name} needs; an admin can grant a role that has it.`,
    { details: { permission: operation.permission } },
  );
  await auditRefusal(operation, context, failure);
  throw failure;
}

/** A refusal that cannot be recorded is still a refusal; the log says that the record is missing. */
async function auditRefusal(
  operation: { readonly name: string; readonly permission: Permission },
  context: OperationContext,
  failure: AppError,
): Promise<void> {
  const { reason } = failure.details;
  try {
    await commitAudited(context, async () => ({
      result: null,
      audit: {
        action: 'operation.refuse',
        phase: 'event',
        subject: { kind: 'operation', id: operation.name },
        outcome: { result: 'denied', code: failure.code },
        details: { permission: operation.permission, reason: typeof reason === 'string' ? reason : null },
      },
      events: [],
    }));
  } catch (error) {
    context.services.logger.error('a refusal could not be audited', { cause: toAppError(error).message });
  }
}
