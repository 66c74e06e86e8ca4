import { AppError, toTimestamp, type Clock, type JsonValue } from '@carapulse/kernel';
import { toolRefusal, type ToolCallJournal, type ToolResponse } from '@carapulse/tools';
import type { Store, ToolCallRecord } from '../ports/index.ts';

export interface JournalPorts {
  readonly store: Store;
  readonly clock: Clock;
  /** Must not lie in the database (see the threat model). */
  readonly claimPlan: ToolCallJournal['claimPlan'];
  /** The number that this process took at its start, from 1. */
  readonly process: number;
}

/**
 * The router's memory of calls in the store. Owner: the tool router. Invariants:
 * 1. `begin` returns only after the intent is on disk.
 * 2. One row a key; a second begin with other input is refused, never another effect.
 * 3. A row that is `done` or `failed` never goes back to `intent`.
 * 4. A call of a run is written down under the run's newest hold only.
 * 5. Under one hold a write is one process's while that has the database; a newer hold takes it up at once.
 * 6. Only the process whose a call is ends it.
 */
export function createToolCallJournal({ store, clock, claimPlan, process }: JournalPorts): ToolCallJournal {
  const now = (): string => toTimestamp(clock.nowMs());
  const begin: ToolCallJournal['begin'] = async (call) => {
    const inserted = await store.transaction(async (tx) => {
      if (call.executionId !== null && call.epoch !== null) await tx.enterRun(call.executionId, call.epoch);
      return tx.insertToolCall({
        key: call.key,
        tool: call.tool,
        action: call.action,
        kind: call.kind,
        input_digest: call.inputDigest,
        execution_id: call.executionId,
        epoch: call.epoch,
        process,
        state: 'intent',
        response: null,
        code: null,
        begun_at: now(),
        ended_at: null,
      });
    });
    if (inserted === 'inserted') return { kind: 'new' };
    const known = await store.read.toolCall(call.key);
    // Given back between the two: begin anew, for `new` promises an intent on disk.
    if (known === null) return begin(call);
    if (known.input_digest !== call.inputDigest || known.tool !== call.tool || known.action !== call.action) {
      throw new AppError(
        'conflict',
        `The key ${call.key} was used for another call of ${known.tool}.${known.action}.`,
      );
    }
    // Sound: only `finish` below writes it, from a ToolResponse.
    if (known.state === 'done') return { kind: 'done', response: known.response as unknown as ToolResponse };
    if (known.process !== process) {
      await assertLeft(store, known, call.epoch);
      const taken = await store.transaction((tx) => tx.moveToolCall(call.key, known.process, process));
      if (!taken) return begin(call);
    }
    return { kind: 'interrupted' };
  };
  return {
    claimPlan,
    begin,
    assertOurs: async (key) => {
      if ((await store.read.toolCall(key))?.process === process) return;
      throw new AppError('fenced', `Nothing is written for ${key}: another process carries it out.`);
    },
    leave: async (key) => {
      await store.transaction((tx) => tx.moveToolCall(key, process, 0));
    },
    finish: (key, outcome, hold) =>
      store.transaction(async (tx) => {
        if (hold !== null) await tx.enterRun(hold.executionId, hold.epoch);
        if (outcome.kind === 'not_done') return tx.deleteToolCall(key, process);
        const done = outcome.kind === 'done';
        return tx.updateToolCall(key, process, {
          state: done ? 'done' : 'failed',
          response: done ? (outcome.response as unknown as JsonValue) : null,
          code: done ? null : outcome.code,
          ended_at: now(),
        });
      }),
  };
}

/**
 * Whether a call that another process has begun may be taken up under a hold of its run.
 * @throws AppError `idempotency_in_progress` while that process has the database and the hold is the same.
 */
async function assertLeft(
  store: Store,
  { key, kind, state, epoch, process }: ToolCallRecord,
  askedUnder: number | null,
): Promise<void> {
  if (kind === 'read' || state !== 'intent' || epoch !== askedUnder) return;
  if (!(await store.read.livingProcesses()).has(process)) return;
  throw toolRefusal(
    'call_in_flight',
    `Call ${key} is carried out by process ${process}; wait for it, or for its end.`,
  );
}
