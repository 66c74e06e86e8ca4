import { AppError, JsonObject } from '@carapulse/kernel';
import { TransitionInput, type TemporalHistory } from '@carapulse/workflows';
import type { ExecutionRecord } from '../ports/index.ts';
import type { Services } from '../services.ts';

const AT_MOST = 1000;
const TRANSITIONS: ReadonlySet<string> = new Set(
  TransitionInput.shape.status.options.map((status) => `execution.${status}`),
);

/** Runs of which the store knows more than the engine that keeps their histories elsewhere. */
export interface LostHistory {
  readonly why: string;
  readonly executions: readonly ExecutionRecord[];
}

/**
 * Holds what the store knows of unfinished runs against an engine that has a memory of its own, which was perhaps
 * restored from an older backup: whatever a run did, its history asked for first. Null when it lacks nothing. Of a run
 * whose history began anew only its existence is looked at.
 */
export async function findLostHistory({ store, engine }: Services): Promise<LostHistory | null> {
  const executions: ExecutionRecord[] = [];
  for (const execution of await store.read.waitingExecutions('', AT_MOST)) {
    if (execution.status === 'queued') continue;
    const history = await engine.history(execution.execution_id);
    const lacks =
      history === null || (history.engine === 'temporal' && (await knowsMore({ store }, execution, history)));
    if (lacks) executions.push(execution);
  }
  if (executions.length === 0) return null;
  const named = executions.slice(0, 5).map((each) => each.execution_id);
  return {
    why: `the durable engine lacks what ${named.join(', ')} did: it was restored from an older state`,
    executions,
  };
}

async function knowsMore(
  { store }: Pick<Services, 'store'>,
  { execution_id: id, tenant_id: tenantId }: ExecutionRecord,
  { history }: TemporalHistory,
): Promise<boolean> {
  const of = (event: JsonObject, attributes: string): JsonObject => {
    const found = JsonObject.safeParse(event[attributes]);
    return found.success ? found.data : {};
  };
  const [first] = history.events;
  if (first === undefined) throw new AppError('internal', `The history of ${id} is empty.`);
  if (of(first, 'workflowExecutionStartedEventAttributes')['continuedExecutionRunId']) return false;
  const asked = history.events.map((event) => of(event, 'activityTaskScheduledEventAttributes'));
  const keys = asked.map(({ activityId }) => (typeof activityId === 'string' ? activityId : ''));
  const begun = (await store.read.steps(id)).filter(({ started_at: at }) => at !== null);
  if (begun.some(({ step_id: step }) => !keys.some((key) => key.startsWith(`${id}/${step}/`)))) return true;
  const transitions = asked.filter((each) => of(each, 'activityType')['name'] === 'transition').length;
  const told = await store.read.auditSearch(tenantId, { subject_id: id }, { limit: 200, after: null });
  return told.items.filter(({ action }) => TRANSITIONS.has(action)).length > transitions;
}
