import type { Grant } from '@carapulse/approval';
import { AppError, canonicalHash, parseInput, toAppError } from '@carapulse/kernel';
import type { JsonValue } from '@carapulse/kernel';
import type { Decision } from '@carapulse/policy';
import { askPolicyForWrite } from './ask-policy.ts';
import { recordOf } from './audit-entry.ts';
import type { CallRecord } from './audit-entry.ts';
import { authoriseWrite } from './authorise-write.ts';
import type { RegisteredAction } from './registry.ts';
import { readBack, type WrittenCall } from './read-back.ts';
import type { RouterDeps } from './router-deps.ts';
import type { CallOptions, RunHold, ToolRequest, ToolResponse } from './router-port.ts';
import { openSession } from './tool-session.ts';
import type { ToolSession } from './tool-session.ts';
import { toolRefusal } from './tool-refusal.ts';

type Exclusively = <T>(key: string, work: () => Promise<T>) => Promise<T>;

interface Write extends WrittenCall {
  readonly registered: RegisteredAction;
  readonly request: ToolRequest;
  readonly grant: Grant;
  readonly decision: Decision;
  readonly session: ToolSession;
  readonly record: CallRecord;
  readonly key: string;
  readonly elapsedMs: () => number;
}

/** One write, by the invariants W1–W8 of the router. */
export async function executeWrite(
  deps: RouterDeps,
  registered: RegisteredAction,
  request: ToolRequest,
  options: CallOptions,
  exclusively: Exclusively,
): Promise<ToolResponse> {
  const digest = canonicalHash(request.input);
  const record = recordOf(deps, request, 'write', digest);
  const { grant, input } = await record.refusals(async () => {
    parseInput(registered.action.input, request.input, `The input of ${request.tool}.${request.action}`);
    return authoriseWrite(registered, request, { trust: deps.trust, nowMs: deps.clock.nowMs() });
  });
  const key = `${grant.body.execution_id}/${grant.step.step_id}/${grant.body.direction}`;
  return exclusively(key, async () => {
    const decision = await record.refusals(() =>
      admit(deps, registered, request, grant, input, options.signal),
    );
    const signal = AbortSignal.any([options.signal, deps.halt.signal(request.context)]);
    const timeoutMs = Math.min(registered.action.timeoutMs, grant.timeoutMs);
    const call = { registered, input, idempotencyKey: key };
    const session = openSession(deps, { ...call, timeoutMs, signal, onOutput: options.onOutput });
    const startedMs = deps.clock.monotonicMs();
    const elapsedMs = (): number => Math.max(0, Math.round(deps.clock.monotonicMs() - startedMs));
    const write = {
      registered,
      request,
      grant,
      decision,
      session,
      open: (limits: Parameters<WrittenCall['open']>[0]) => openSession(deps, { ...call, ...limits }),
      record,
      key,
      timeoutMs,
      signal,
      elapsedMs,
    };
    const begun = await deps.journal.begin({
      key,
      tool: request.tool,
      action: request.action,
      kind: 'write',
      inputDigest: digest,
      executionId: request.executionId,
      epoch: grant.body.epoch,
    });
    if (begun.kind === 'done') return { ...begun.response, repeated: true };
    try {
      if (begun.kind === 'interrupted' && (await settleInterrupted(deps, write))) {
        return await completeObserved(deps, write);
      }
      return await effect(deps, write, begun.kind === 'new' || registered.action.repeat === 'observable');
    } catch (error) {
      // Nothing of it runs here any more; a journal that can't say so keeps the others waiting until we end.
      await deps.journal.leave(key).catch(() => undefined);
      throw error;
    }
  });
}

/** Halt, epoch, policy with constraints, and the plan's one execution: everything that may still forbid the write. */
async function admit(
  deps: RouterDeps,
  registered: RegisteredAction,
  request: ToolRequest,
  grant: Grant,
  input: unknown,
  signal: AbortSignal,
): Promise<Decision> {
  await assertFree(deps, request, grant);
  const decision = await askPolicyForWrite(deps, grant, {
    request,
    effects: registered.action.effects(input, registered.settings),
    nowMs: deps.clock.nowMs(),
    stage: deps.stage,
    signal,
  });
  const holder = await deps.journal.claimPlan(grant.plan.plan_id, grant.body.execution_id);
  if (holder !== grant.body.execution_id) {
    throw toolRefusal(
      'plan_already_executed',
      `Plan ${grant.plan.plan_id} is executed by ${holder}; a plan runs once, make a new one.`,
      { holder },
    );
  }
  return decision;
}

/** The epoch takes a wait, the halt does not: it is read last, so that nothing lies between it and the effect. */
async function assertFree(deps: RouterDeps, request: ToolRequest, grant: Grant): Promise<void> {
  assertNotHalted(deps, request);
  await deps.epochGuard.assertCurrent(holdOf(grant));
  assertNotHalted(deps, request);
}

function holdOf({ body }: Grant): RunHold {
  return { executionId: body.execution_id, epoch: body.epoch };
}

function assertNotHalted(deps: RouterDeps, request: ToolRequest): void {
  const halted = deps.halt.state(request.context);
  if (halted === null) return;
  throw toolRefusal(
    'halted',
    `Writes are halted in ${halted.scope} by ${halted.by} since ${halted.at}: ${halted.reason}. Resume with "assistantctl resume".`,
    { effect: 'none' },
  );
}

/** True when the interrupted write has happened; false when it may run. @throws AppError `outcome_unknown`. */
async function settleInterrupted(deps: RouterDeps, write: Write): Promise<boolean> {
  const { repeat } = write.registered.action;
  if (repeat === 'convergent' || repeat === 'keyed') return false;
  if (repeat === 'unsafe') {
    throw await unknownOutcome(
      write,
      'an earlier attempt was interrupted and this action cannot be read back',
    );
  }
  const seen = await observe(deps, write);
  if (seen.observation === 'unknown') {
    throw await unknownOutcome(write, `an earlier attempt was interrupted and ${seen.why}`, seen.retryable);
  }
  return seen.observation === 'done';
}

/** `clean`: no earlier attempt can have had the effect, so that what fails before it is certainly not done. */
async function effect(deps: RouterDeps, write: Write, clean: boolean): Promise<ToolResponse> {
  let output: JsonValue;
  let begun = false;
  try {
    await write.record.intent({ decision: write.decision, grant: write.grant });
    await deps.journal.assertOurs(write.key);
    await assertFree(deps, write.request, write.grant);
    if (write.signal.aborted) throw new AppError('cancelled', 'The write was given up before it began.');
    begun = true;
    output = await write.session.run();
  } catch (error) {
    const failed = haltedInFlight(deps, write, toAppError(error));
    const without = !begun || failed.details['effect'] === 'none';
    return afterFailure(deps, write, failed, clean && without);
  }
  return complete(deps, write, () => Promise.resolve(output), 'done');
}

function completeObserved(deps: RouterDeps, write: Write): Promise<ToolResponse> {
  return complete(deps, write, () => readBack(deps, write, (session) => session.readBack()), 'observed_done');
}

async function complete(
  deps: RouterDeps,
  write: Write,
  read: () => Promise<JsonValue>,
  kind: 'done' | 'observed_done',
): Promise<ToolResponse> {
  const { request, grant, decision, record, key } = write;
  try {
    const output = await read();
    const evidenceId = await deps.evidence.put({
      kind: `${request.tool}_${request.action}`,
      tool: request.tool,
      action: request.action,
      target: grant.effects[0]?.target ?? `${request.tool}:`,
      context: request.context,
      executionId: request.executionId,
      epoch: grant.body.epoch,
      investigationId: request.investigationId,
      planId: request.planId ?? null,
      data: output,
    });
    const response = {
      output,
      repeated: kind === 'observed_done',
      evidenceId,
      durationMs: write.elapsedMs(),
    };
    await record.outcome({ decision, grant, kind, evidenceId, durationMs: response.durationMs });
    await deps.journal.finish(key, { kind: 'done', response }, holdOf(grant));
    return response;
  } catch (error) {
    // An error of any other code would be taken for "nothing happened".
    throw new AppError(
      'outcome_unknown',
      `${request.tool}.${request.action} of step ${grant.step.step_id} is done, but recording it failed: ` +
        `${toAppError(error).message} The next attempt settles it.`,
      { cause: error, retryable: true, details: { reason: 'done_unrecorded', journal_key: key } },
    );
  }
}

/** Decides what a failed attempt leaves behind; answers only when the effect turns out to be there. */
async function afterFailure(
  deps: RouterDeps,
  write: Write,
  error: AppError,
  certainlyNot: boolean,
): Promise<ToolResponse> {
  const { decision, grant, key, record } = write;
  const { repeat } = write.registered.action;
  // A journal that cannot take the outcome keeps the intent, which is the safe side.
  const finish = (outcome: Parameters<typeof deps.journal.finish>[1]): Promise<void> =>
    deps.journal.finish(key, outcome, holdOf(grant)).catch(() => undefined);
  const facts = { decision, grant, durationMs: write.elapsedMs() };
  const notDone = async (): Promise<never> => {
    await record.failure(error, { ...facts, kind: 'not_done' });
    await finish({ kind: 'not_done' });
    throw error;
  };
  if (certainlyNot) return notDone();
  if (repeat === 'observable') {
    const seen = await observe(deps, write);
    if (seen.observation === 'not_done') return notDone();
    if (seen.observation === 'done') return completeObserved(deps, write);
    throw await unknownOutcome(write, `it failed (${error.message}) and ${seen.why}`, seen.retryable);
  }
  // Whoever runs the plan takes any other error for "nothing happened"; these may run again instead.
  if (repeat !== 'unsafe' && (error.retryable || error.code === 'halted')) {
    await record.failure(error, { ...facts, kind: 'failed' });
    await finish({ kind: 'failed', code: error.code });
    throw error;
  }
  throw await unknownOutcome(write, `it failed (${error.message})`);
}

async function observe(
  deps: RouterDeps,
  write: Write,
): Promise<{ observation: 'done' | 'not_done' | 'unknown'; why: string; retryable: boolean }> {
  try {
    const observation = await readBack(deps, write, (session) => session.observe());
    return { observation, why: 'the target does not tell whether it happened', retryable: false };
  } catch (error) {
    const failed = toAppError(error);
    return {
      observation: 'unknown',
      why: `the target could not be read (${failed.message})`,
      retryable: failed.retryable,
    };
  }
}

async function unknownOutcome(write: Write, why: string, retryable = false): Promise<AppError> {
  const error = new AppError(
    'outcome_unknown',
    `Whether ${write.request.tool}.${write.request.action} of step ${write.grant.step.step_id} happened is not known: ` +
      `${why}. Look at the target, then decide the run by hand.`,
    { retryable, details: { reason: 'outcome_unknown', journal_key: write.key } },
  );
  const { decision, grant } = write;
  await write.record.failure(error, { decision, grant, kind: 'unknown', durationMs: write.elapsedMs() });
  return error;
}

function haltedInFlight(deps: RouterDeps, write: Write, error: AppError): AppError {
  const halted = write.signal.aborted ? deps.halt.state(write.request.context) : null;
  if (halted === null || error.code === 'halted') return error;
  return toolRefusal(
    'halted',
    `The write was ended in flight: halted in ${halted.scope} by ${halted.by}: ${halted.reason}. Resume with "assistantctl resume".`,
  );
}
