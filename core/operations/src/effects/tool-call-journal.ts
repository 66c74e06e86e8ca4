import { AppError, toTimestamp, type Clock, type JsonValue } from '@carapulse/kernel';
import type { ToolCallJournal, ToolResponse } from '@carapulse/tools';
import type { Store } from '../ports/index.ts';

/**
 * The router's memory of calls in the store. Owner: the tool router. Invariants:
 * 1. `begin` returns only after the intent is on disk.
 * 2. One row a key; a second begin with other input is refused, never another effect.
 * 3. A row that is `done` or `failed` never goes back to `intent`.
 * 4. A call of a run is written down under the run's newest hold only.
 * `claimPlan` is given: it must not lie in the database (see the threat model).
 */
export function createToolCallJournal(
  store: Store,
  clock: Clock,
  claimPlan: ToolCallJournal['claimPlan'],
): ToolCallJournal {
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
    return { kind: 'interrupted' };
  };
  return {
    claimPlan,
    begin,
    finish: (key, outcome, hold) =>
      store.transaction(async (tx) => {
        if (hold !== null) await tx.enterRun(hold.executionId, hold.epoch);
        if (outcome.kind === 'not_done') return tx.deleteToolCall(key);
        const done = outcome.kind === 'done';
        return tx.updateToolCall(key, {
          state: done ? 'done' : 'failed',
          response: done ? (outcome.response as unknown as JsonValue) : null,
          code: done ? null : outcome.code,
          ended_at: now(),
        });
      }),
  };
}
