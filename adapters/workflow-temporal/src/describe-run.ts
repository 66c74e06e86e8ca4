import { AppError, type JsonObject } from '@carapulse/kernel';
import type { RunStatus } from '@carapulse/workflows';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { MAILBOX_TYPE } from './run-order.ts';

/** What Temporal knows of a run. `whyNotOurs` says why no worker of this build takes a queue's runs, or null. */
export async function describeRun(
  client: Client,
  runId: string,
  whyNotOurs: (taskQueue: string) => string | null,
): Promise<RunStatus> {
  const handle = client.workflow.getHandle(runId);
  const found = await handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  });
  if (found === null) return { kind: 'absent' };
  const status = found.status.name;
  if (status === 'RUNNING' && found.type === MAILBOX_TYPE) return { kind: 'absent' };
  if (status === 'COMPLETED') return resultOf(runId, () => handle.result());
  if (status === 'CONTINUED_AS_NEW') return { kind: 'running' };
  if (status !== 'RUNNING') {
    return {
      kind: 'stuck',
      reason: `Run ${runId} was ended from outside: its workflow is ${status.toLowerCase()}.`,
    };
  }
  const reason = whyNotOurs(found.taskQueue) ?? (await whyFailing(client, found));
  return reason === null ? { kind: 'running' } : { kind: 'stuck', reason };
}

/** A result that isn't of this installation is no end of the run. */
async function resultOf(runId: string, read: () => Promise<unknown>): Promise<RunStatus> {
  try {
    return { kind: 'ended', result: (await read()) as JsonObject };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'forbidden') throw error;
    return { kind: 'stuck', reason: `Run ${runId} was ended by somebody else: ${error.message}` };
  }
}

/** The failure of the decision that is being tried again; null when none failed. Only the first is in the history. */
async function whyFailing(client: Client, found: WorkflowExecutionDescription): Promise<string | null> {
  const { pendingWorkflowTask } = found.raw;
  if ((pendingWorkflowTask?.attempt ?? 1) <= 1) return null;
  const { workflowService } = client.connection;
  const { history } = await workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId: found.workflowId, runId: found.runId },
    maximumPageSize: 20,
  });
  for (const { workflowTaskFailedEventAttributes: failed } of history?.events ?? []) {
    if (failed === undefined || failed === null) continue;
    return `Run ${found.workflowId} cannot go on: ${failed.failure?.message ?? 'its decision failed'}`;
  }
  return null;
}
