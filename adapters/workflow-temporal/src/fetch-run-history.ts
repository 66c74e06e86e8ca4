import type { RunHistory } from '@carapulse/workflows';
import { TemporalHistory } from '@carapulse/workflows';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { MAILBOX_TYPE } from './run-order.ts';

/**
 * The history of a run as Temporal keeps it, payloads sealed; of one that continued as new, the last part, which begins
 * with the state of the machine. Null when there is no such run, or only its mailbox.
 */
export async function fetchRunHistory(client: Client, runId: string): Promise<RunHistory | null> {
  const handle = client.workflow.getHandle(runId);
  try {
    const { type, runId: execution } = await handle.describe();
    if (type === MAILBOX_TYPE) return null;
    const history = await client.workflow.getHandle(runId, execution).fetchHistory();
    return TemporalHistory.parse({
      format: 1,
      engine: 'temporal',
      run_id: runId,
      history: JSON.parse(historyToJSON(history)) as unknown,
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
