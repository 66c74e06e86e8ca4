import type { JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { RunHistory } from '@carapulse/workflows';
import type { DbosRun, DbosRuns } from './dbos-runs.ts';
import type { Journal } from './journal.ts';
import type { RunHolds } from './run-holds.ts';

/**
 * What a run was given, has heard and answered; null when it doesn't exist. The end is read before the journal, so a
 * history with a result holds every event, or every one since the snapshot.
 * @throws AppError `unavailable` when nobody has begun to drive it yet, `internal` when its input is lost.
 */
export async function recordedHistory(
  runId: string,
  runs: DbosRuns,
  holds: RunHolds,
  journal: Journal,
): Promise<RunHistory | null> {
  const [found] = await runs.find([runId]);
  if (found === undefined) return null;
  if (found.input === null) throw new AppError('internal', `Run ${runId} has lost its input.`);
  const note = (await holds.notes([runId])).get(runId);
  if (note === undefined) {
    const message = `Run ${runId} has not begun yet, so it has no history; ask again.`;
    throw new AppError('unavailable', message, { retryable: true });
  }
  const { machine, version, patches, input } = found.input;
  const { snapshot, events } = await journal.read(runId);
  return {
    format: 1,
    engine: 'embedded',
    run_id: runId,
    machine,
    version,
    ...(patches && { patches: [...patches] }),
    input,
    started_at_ms: note.startedAtMs,
    ...(snapshot && { snapshot }),
    events: [...events],
    result: resultOf(found) ?? note.result,
  };
}

function resultOf({ status, output }: DbosRun): JsonObject | null {
  return status === 'SUCCESS' ? (output as JsonObject) : null;
}
