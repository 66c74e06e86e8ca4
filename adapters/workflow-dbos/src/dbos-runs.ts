/**
 * What the engine asks of DBOS: that a run exists, its input, its result. Nothing here depends on which process asks,
 * and DBOS's own recovery finds nothing, since no two processes have the same executor id.
 */
import type { JsonObject, Logger } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { WorkflowStatus } from '@dbos-inc/dbos-sdk';
import { DBOS, Error as DBOSError } from '@dbos-inc/dbos-sdk';
import { dbRetryConfig } from '@dbos-inc/dbos-sdk/internal/utils';
import type { Pool } from 'pg';
import { toDbosLogger } from './dbos-logger.ts';

export interface RunInput {
  readonly machine: string;
  readonly version: number;
  /** Changes within the version that the run was started with; absent when there were none. */
  readonly patches?: readonly string[];
  readonly input: JsonObject;
}

export interface DbosRun {
  readonly runId: string;
  readonly executor: string;
  readonly status: string;
  readonly applicationVersion: string;
  /** Null when it wasn't asked for or is lost. */
  readonly input: RunInput | null;
  readonly output: unknown;
}

const APPLICATION_VERSION = 'carapulse-durable-1';
const WORKFLOW_NAME = 'carapulse.run';
const LAUNCH_LOCK = 7_203_116;
const LAUNCH_LOOK_MS = 50;
const UNFINISHED = ['PENDING', 'ENQUEUED', 'DELAYED'] as const;
/** DBOS gives a workflow up after so many recoveries; a run that waits for a person may see many restarts. */
const MAX_RECOVERIES = 1_000_000_000;
/** DBOS waits up to a minute between its tries; a start that waits so holds up all that are to start after it. */
const RETRY_S = { first: 0.25, longest: 2 };

export class DbosRuns {
  #workflow: ((input: RunInput) => Promise<JsonObject>) | null = null;

  /**
   * `body` runs in this process for each run begun here, and in any process for one that was asked to be recorded.
   * Processes that start at once launch one after the other: DBOS's own migrations deadlock otherwise.
   */
  async launch(
    pool: Pool,
    executorId: string,
    logger: Logger | undefined,
    several: boolean,
    body: (runId: string, input: RunInput) => Promise<JsonObject>,
  ): Promise<void> {
    const execute = async (input: RunInput): Promise<JsonObject> => {
      const runId = DBOS.workflowID;
      if (runId === undefined) throw new AppError('internal', 'DBOS started a run without an id.');
      return body(runId, input);
    };
    this.#workflow = DBOS.registerWorkflow(execute, {
      name: WORKFLOW_NAME,
      maxRecoveryAttempts: MAX_RECOVERIES,
    });
    DBOS.setConfig({
      name: 'carapulse',
      systemDatabasePool: pool,
      applicationVersion: APPLICATION_VERSION,
      executorID: executorId,
      useListenNotify: false,
      logger: toDbosLogger(logger),
    });
    dbRetryConfig.initialBackoffSec = RETRY_S.first;
    dbRetryConfig.maxBackoffSec = RETRY_S.longest;
    await (several ? oneByOne(pool, () => DBOS.launch()) : DBOS.launch());
  }

  /** @throws AppError `unavailable`. */
  async start(runId: string, input: RunInput): Promise<'started' | 'exists'> {
    if (this.#workflow === null) throw new AppError('internal', 'DBOS was not launched.');
    try {
      await DBOS.startWorkflow(this.#workflow, { workflowID: runId, workflowIDReusePolicy: 'reject' })(input);
      return 'started';
    } catch (error) {
      if (DBOSError.isWorkflowIDInUseError(error)) return 'exists';
      throw new AppError('unavailable', `Run ${runId} was not started: ${String(error)}`, {
        cause: error,
        retryable: true,
      });
    }
  }

  /** Those of the runs that DBOS knows, with input and output. */
  async find(runIds: readonly string[]): Promise<readonly DbosRun[]> {
    if (runIds.length === 0) return [];
    return (await DBOS.listWorkflows({ workflowIDs: [...runIds], workflowName: WORKFLOW_NAME })).map(toRun);
  }

  /** All that have no result yet, without their inputs. */
  async unfinished(): Promise<readonly DbosRun[]> {
    const found = await DBOS.listWorkflows({
      workflowName: WORKFLOW_NAME,
      status: [...UNFINISHED],
      loadInput: false,
      loadOutput: false,
    });
    return found.map(toRun);
  }

  /** Has the body called once more, here or elsewhere, so that DBOS records what it returns. */
  async recordLater(runId: string): Promise<void> {
    await DBOS.resumeWorkflow(runId);
  }
}

/** Why a run can't go on whatever the machines: null when nothing stands in its way. */
export function whyEnded({ runId, status, applicationVersion }: DbosRun): string | null {
  if (!UNFINISHED.some((each) => each === status)) {
    return `Run ${runId} was ended from outside: its workflow is ${status}.`;
  }
  if (applicationVersion === APPLICATION_VERSION) return null;
  return `Run ${runId} was begun by an engine of version ${applicationVersion}, this is ${APPLICATION_VERSION}; finish it with the build that began it.`;
}

/** What a body returns that is not to end: DBOS records no outcome. The process's end or garbage collection takes it. */
export function forever(): Promise<never> {
  return new Promise(() => undefined);
}

/** Asks again instead of waiting in the database: a statement that waits there holds up what builds an index. */
async function oneByOne(pool: Pool, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    for (;;) {
      const { rows } = await client.query<{ ours: boolean }>(
        `SELECT pg_try_advisory_lock(${LAUNCH_LOCK}) AS ours`,
      );
      if (rows[0]?.ours === true) break;
      await new Promise((resolve) => setTimeout(resolve, LAUNCH_LOOK_MS));
    }
    await work();
  } finally {
    // The lock goes with the session.
    client.release(true);
  }
}

function toRun(run: WorkflowStatus): DbosRun {
  return {
    runId: run.workflowID,
    executor: run.executorId ?? '',
    status: run.status,
    applicationVersion: run.applicationVersion ?? '',
    input: (run.input?.[0] as RunInput | undefined) ?? null,
    output: run.output,
  };
}
