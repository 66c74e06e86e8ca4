import type { Envelope } from '@carapulse/approval';
import { AppError, toAppError, toTimestamp, type JsonObject, type JsonValue } from '@carapulse/kernel';
import { applyBindings, type Step, type StepStatus } from '@carapulse/plan';
import {
  attemptKey,
  backoffMs,
  mayRetry,
  toActivityOutcome,
  type StepInput,
  type StepOutput,
} from '@carapulse/workflows';
import type { ToolResponse } from '@carapulse/tools';
import { commitAudited } from '../operation.ts';
import { serviceContext } from '../service-actor.ts';
import type { RunServices } from '../services.ts';
import { afterOtherAttempt } from './after-other-attempt.ts';
import { assertMayWrite } from './assert-may-write.ts';
import { issueEnvelope } from './issue-envelope.ts';
import { loadRun, type Run } from './load-run.ts';
import { createLogWriter, type LogWriter } from './log-writer.ts';

const MAX_JOURNALLED_OUTPUT = 65_536;
/** More branches than this do not start to write in one instant. */
const MAX_RACES = 20;

/**
 * Runs one step of a run, forward or its rollback, through the tool router under its attempt's key. Before a forward write:
 * authority, policy and leases again. Safe to repeat under the same key at any point.
 */
export async function runStep(
  services: RunServices,
  request: StepInput,
  signal: AbortSignal,
): Promise<StepOutput> {
  const key = attemptKey(request.execution_id, request.step_id, request.direction, request.attempt);
  const run = await loadRun(services, request.execution_id);
  const step = run.plan.steps.find((each) => each.step_id === request.step_id);
  if (step === undefined) {
    throw new AppError('internal', `Plan ${run.plan.plan_id} has no step ${request.step_id}.`);
  }
  const log = createLogWriter(services.store, services.clock, request.execution_id);
  try {
    const current = await prepare(services, run, step, request, signal);
    log.line(step.step_id, 'event', startLine(step, request));
    const result = await callTool(services, current, step, request, key, log, signal);
    const status: StepStatus = request.direction === 'forward' ? 'succeeded' : 'rolled_back';
    await recordDone(services, request, step, status, result.evidence_id);
    log.line(step.step_id, 'event', `${step.step_id} ${status.replaceAll('_', ' ')}`);
    return result;
  } catch (error) {
    const failure = toAppError(error);
    log.line(step.step_id, 'event', `${step.step_id} failed: ${failure.message}`);
    const status: StepStatus = failure.code === 'outcome_unknown' ? 'outcome_unknown' : 'failed';
    // What became of the effect must reach the run, even when it cannot be written down now.
    const unwritten = (cause: unknown): void => tellUnwritten(services, request, cause);
    const retryAt = nextAttemptAt(services, step, request, failure);
    await mark(services, request, status, failure.message, null, retryAt).catch(unwritten);
    throw failure;
  } finally {
    await log.flush().catch((cause: unknown) => tellUnwritten(services, request, cause));
  }
}

/** When the run tries again by itself, by the step's rule; null when it does not. */
function nextAttemptAt(
  services: Pick<RunServices, 'clock'>,
  { retry }: Step,
  { attempt }: StepInput,
  failure: AppError,
): string | null {
  const outcome = toActivityOutcome(failure);
  if (outcome.code === 'halted' || !mayRetry(retry, outcome, attempt)) return null;
  return toTimestamp(services.clock.nowMs() + backoffMs(retry, attempt, outcome.retryAfterMs));
}

/** A write that was made but not recorded must not look like one that failed: failed writes are not undone. */
async function recordDone(
  services: RunServices,
  request: StepInput,
  step: Step,
  status: StepStatus,
  evidenceId: string | null,
): Promise<void> {
  try {
    await mark(services, request, status, '', evidenceId);
  } catch (cause) {
    if (step.kind === 'read') throw cause;
    const message = `${request.step_id} was carried out but could not be recorded: ${toAppError(cause).message}`;
    throw new AppError('outcome_unknown', message, { cause });
  }
}

function tellUnwritten(services: RunServices, request: StepInput, cause: unknown): void {
  services.logger.error('a step could not be recorded', {
    execution_id: request.execution_id,
    step_id: request.step_id,
    cause: toAppError(cause).message,
  });
}

async function prepare(
  services: RunServices,
  run: Run,
  step: Step,
  request: StepInput,
  signal: AbortSignal,
): Promise<Run> {
  assertOpen(run);
  if (step.kind === 'write') {
    if (request.direction === 'forward') await assertMayWrite(services, run, signal);
    await holdLeases(services, run);
  }
  await markRunning(services, run, step, request, MAX_RACES);
  return run;
}

/** A history that was restored from an older state asks for what is over; it must not take the targets again. */
function assertOpen({ execution: { execution_id: id, ended_at: endedAt, status } }: Run): void {
  if (endedAt === null) return;
  throw new AppError(
    'forbidden_transition',
    `Execution ${id} has ended (${status}); nothing more is done for it.`,
  );
}

/** Branches that begin to write together all mark the first write: one does, the others look again. */
async function markRunning(
  services: RunServices,
  run: Run,
  step: Step,
  request: StepInput,
  races: number,
): Promise<void> {
  const write = services.store.transaction(async (tx) => {
    const nowIso = toTimestamp(services.clock.nowMs());
    if (step.kind === 'write' && run.execution.first_write_at === null) {
      const fresh = await tx.execution(run.execution.tenant_id, run.execution.execution_id);
      if (fresh !== null && fresh.first_write_at === null) {
        await tx.updateExecution(fresh.execution_id, fresh.revision, { first_write_at: nowIso });
      }
    }
    await tx.upsertStep({
      execution_id: request.execution_id,
      step_id: request.step_id,
      status: request.direction === 'forward' ? 'running' : 'rolling_back',
      attempts: request.attempt,
      started_at: nowIso,
      ended_at: null,
      detail: '',
      evidence_id: null,
      retry_at: null,
    });
  });
  await write.catch((error: unknown) => {
    if (toAppError(error).code !== 'conflict' || races === 0) throw error;
    return markRunning(services, run, step, request, races - 1);
  });
}

/** Targets stay ours while the run goes on. @throws AppError `lease_held` when another plan has taken one. */
async function holdLeases(services: RunServices, run: Run): Promise<void> {
  const targets = writeTargets(run);
  const nowMs = services.clock.nowMs();
  await services.store.transaction((tx) =>
    tx.acquireLeases(
      targets,
      run.execution.execution_id,
      services.runEpoch,
      toTimestamp(nowMs),
      toTimestamp(nowMs + services.settings.leaseMs),
    ),
  );
}

/** Every target that the plan's writes or their rollbacks touch, sorted, each once. */
export function writeTargets(run: Pick<Run, 'plan'>): readonly string[] {
  const targets = run.plan.steps
    .filter((step) => step.kind === 'write')
    .flatMap((step) => [...step.effects, ...(step.rollback.kind === 'call' ? step.rollback.effects : [])])
    .map((effect) => effect.target);
  return [...new Set(targets)].toSorted();
}

async function callTool(
  services: RunServices,
  run: Run,
  step: Step,
  request: StepInput,
  key: string,
  log: LogWriter,
  signal: AbortSignal,
): Promise<StepOutput> {
  const rollback =
    request.direction === 'rollback' && step.rollback.kind === 'call' ? step.rollback.call : null;
  const call = rollback ?? step.call;
  const sign = (as: Run): Promise<Envelope> =>
    issueEnvelope(services, as, { stepId: step.step_id, direction: request.direction, key });
  const renewEnvelope = async (): Promise<Envelope> => {
    const now = await loadRun(services, request.execution_id);
    assertOpen(now);
    return sign(now);
  };
  const { actor } = serviceContext(services, 'orchestrator', signal);
  const ask = (envelope: Envelope | null): Promise<ToolResponse> =>
    services.router.execute(
      {
        tool: call.tool,
        action: call.action,
        input: step.kind === 'write' ? call.input : applyBindings(call, request.outputs),
        context: run.plan.context,
        actor,
        idempotencyKey: key,
        executionId: request.execution_id,
        epoch: services.runEpoch,
        investigationId: null,
        envelope,
      },
      {
        signal,
        renewEnvelope,
        onOutput: ({ stream, text }) => {
          for (const line of text.split('\n')) if (line.trim() !== '') log.line(step.step_id, stream, line);
        },
      },
    );
  const response =
    step.kind === 'read'
      ? await ask(null)
      : await afterOtherAttempt(services, signal, async (again) =>
          ask(again ? await renewEnvelope() : await sign(run)),
        );
  const output = journalled(response.output);
  return {
    output,
    evidence_id: response.evidenceId,
    effect_at_ms: step.kind === 'write' ? services.clock.nowMs() : null,
  };
}

/** What later bindings may look at; a large output is in the evidence only. */
function journalled(output: JsonValue): JsonObject {
  if (typeof output !== 'object' || output === null || Array.isArray(output)) return { value: output };
  return JSON.stringify(output).length > MAX_JOURNALLED_OUTPUT ? {} : (output as JsonObject);
}

async function mark(
  services: RunServices,
  request: StepInput,
  status: StepStatus,
  detail: string,
  evidenceId: string | null,
  retryAt: string | null = null,
): Promise<void> {
  const before = (await services.store.read.steps(request.execution_id)).find(
    (each) => each.step_id === request.step_id,
  );
  const at = toTimestamp(services.clock.nowMs());
  await commitAudited(serviceContext(services, 'orchestrator', AbortSignal.timeout(10_000)), async (tx) => {
    await tx.upsertStep({
      execution_id: request.execution_id,
      step_id: request.step_id,
      status,
      attempts: request.attempt,
      started_at: before?.started_at ?? at,
      ended_at: at,
      detail: detail.slice(0, 2000),
      evidence_id: evidenceId,
      retry_at: retryAt,
    });
    return {
      result: null,
      audit: {
        action: request.direction === 'forward' ? 'step.end' : 'step.rollback',
        phase: 'outcome',
        subject: { kind: 'execution', id: request.execution_id },
        outcome: { result: auditResult(status) },
        details: {
          step_id: request.step_id,
          status,
          attempt: request.attempt,
          detail: detail.slice(0, 2000),
        },
      },
      events: [
        {
          type: 'execution.updated',
          subject_id: request.execution_id,
          data: { execution_id: request.execution_id, step_id: request.step_id, status },
        },
      ],
    };
  });
}

function auditResult(status: StepStatus): 'ok' | 'unknown' | 'failed' {
  if (status === 'outcome_unknown') return 'unknown';
  return status === 'succeeded' || status === 'rolled_back' ? 'ok' : 'failed';
}

function startLine(step: Step, request: StepInput): string {
  const again = request.attempt > 1 ? ` (attempt ${request.attempt})` : '';
  const what = request.direction === 'forward' ? step.title : `undo: ${step.title}`;
  return `${step.step_id}: ${what}${again}`;
}
