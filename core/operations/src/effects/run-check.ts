import { AppError, newId, toAppError, toTimestamp, type JsonValue } from '@carapulse/kernel';
import {
  applyBindings,
  describeUnmet,
  evaluateExpectations,
  type Check,
  type CheckVerdict,
  type SampleVerdict,
} from '@carapulse/plan';
import type { CheckInput, CheckOutput } from '@carapulse/workflows';
import { serviceContext } from '../service-actor.ts';
import type { RunServices } from '../services.ts';
import { loadRun, type Run } from './load-run.ts';
import { isStoreAway } from './once-store-answers.ts';

const MAX_SAMPLES = 100;
/** The first wait for what isn't so yet; each next one is twice as long, up to the check's own interval. */
const FIRST_WAIT_MS = 200;

type TakenSample = CheckOutput['samples'][number];

interface Sample {
  readonly verdict: SampleVerdict;
  readonly detail: string;
  readonly evidenceId: string | null;
}

/**
 * Asks one check until its answer is clear: `passed` after the required number of consecutive met
 * samples, its interval apart, `failed` when time is up on a sample that is certainly unmet, else `inconclusive`. Before a repair the
 * first certain miss is answer enough: it was seen failing.
 */
export async function runCheck(
  services: RunServices,
  request: CheckInput,
  signal: AbortSignal,
): Promise<CheckOutput> {
  const run = await loadRun(services, request.execution_id);
  const check = findCheck(run, request);
  const deadline = services.clock.monotonicMs() + check.samples.within_ms;
  let met = 0;
  let waitMs = FIRST_WAIT_MS;
  const taken: TakenSample[] = [];
  let renewedMs = -Infinity;
  let last: Sample = { verdict: 'unclear', detail: 'no sample was taken', evidenceId: null };
  for (;;) {
    if (services.clock.monotonicMs() - renewedMs >= services.settings.leaseMs / 3) {
      await renewLeases(services, request.execution_id);
      renewedMs = services.clock.monotonicMs();
    }
    last = await sample(services, run, check, request, signal);
    taken.push({ at_ms: services.clock.nowMs(), verdict: last.verdict, detail: last.detail.slice(0, 500) });
    met = last.verdict === 'met' ? met + 1 : 0;
    if (met >= check.samples.required) return record(services, request, check, 'passed', last, taken);
    if (request.phase === 'before' && last.verdict === 'unmet') {
      return record(services, request, check, 'failed', last, taken);
    }
    // What is met is looked at again no sooner than the check says; what isn't may be at any moment.
    const pauseMs = met > 0 ? check.samples.interval_ms : Math.min(check.samples.interval_ms, waitMs);
    if (met === 0) waitMs *= 2;
    if (services.clock.monotonicMs() + pauseMs >= deadline) break;
    await services.sleep(pauseMs, signal);
  }
  const verdict = last.verdict === 'unmet' ? 'failed' : 'inconclusive';
  return record(services, request, check, verdict, last, taken);
}

/** Checks may take longer than a lease lasts; the targets stay the run's until it ends. */
async function renewLeases(services: RunServices, executionId: string): Promise<void> {
  const until = toTimestamp(services.clock.nowMs() + services.settings.leaseMs);
  await services.store.transaction((tx) => tx.renewLeases(executionId, until));
}

function findCheck(run: Run, request: CheckInput): Check {
  const step = run.plan.steps.find((each) => each.step_id === request.step_id);
  const candidates =
    step === undefined
      ? run.plan.checks
      : [
          ...(request.phase === 'precondition' ? step.preconditions : []),
          ...(request.phase === 'verify' ? step.verify : []),
          ...(request.phase === 'verify_rollback' && step.rollback.kind === 'call'
            ? step.rollback.verify
            : []),
        ];
  const found = candidates.find((check) => check.check_id === request.check_id);
  if (found === undefined) throw new AppError('internal', `The plan has no check ${request.check_id} there.`);
  return found;
}

async function sample(
  services: RunServices,
  run: Run,
  check: Check,
  request: CheckInput,
  signal: AbortSignal,
): Promise<Sample> {
  const askedAtMs = services.clock.nowMs();
  try {
    const response = await services.router.execute(
      {
        tool: check.call.tool,
        action: check.call.action,
        input: applyBindings(check.call, request.outputs),
        context: run.plan.context,
        actor: serviceContext(services, 'orchestrator', signal).actor,
        idempotencyKey: newId('request', services.clock, services.random),
        executionId: request.execution_id,
        epoch: services.runEpoch,
        investigationId: null,
        envelope: null,
      },
      { signal },
    );
    const verdict = isStale(response.output, request.newer_than_ms, askedAtMs)
      ? 'unclear'
      : evaluateExpectations(check.expect, response.output, request.outputs);
    const detail = describe(
      verdict,
      describeUnmet(check.expect, response.output, request.outputs),
      response.output,
    );
    return { verdict, detail, evidenceId: response.evidenceId };
  } catch (error) {
    const failure = toAppError(error);
    if (signal.aborted || failure.code === 'cancelled' || isStoreAway(failure)) throw failure;
    return { verdict: 'unclear', detail: failure.message, evidenceId: null };
  }
}

/** Data that tells its age (`sample_age_ms`, `sampled_at`) and isn't certainly newer than the write says nothing about it. */
function isStale(output: JsonValue, newerThanMs: number | null, askedAtMs: number): boolean {
  if (newerThanMs === null || typeof output !== 'object' || output === null) return false;
  const { sample_age_ms: ageMs, sampled_at: at } = output as Readonly<Record<string, JsonValue>>;
  if (ageMs !== undefined && !(typeof ageMs === 'number' && askedAtMs - ageMs > newerThanMs)) return true;
  return at !== undefined && !(typeof at === 'string' && Date.parse(at) > newerThanMs);
}

function describe(verdict: SampleVerdict, unmet: readonly string[], output: JsonValue): string {
  if (unmet.length > 0) return `${verdict}: ${unmet.join('; ')}`;
  const text = JSON.stringify(output);
  return `${verdict}: ${text.length > 300 ? `${text.slice(0, 300)}…` : text}`;
}

async function record(
  services: RunServices,
  request: CheckInput,
  check: Check,
  verdict: CheckVerdict,
  last: Sample,
  samples: readonly TakenSample[],
): Promise<CheckOutput> {
  const at = toTimestamp(services.clock.nowMs());
  const asItMust = request.phase === 'before' && verdict === 'failed' ? ', as it must' : '';
  const text = `check ${check.check_id} (${request.phase.replaceAll('_', ' ')}): ${verdict}${asItMust}`;
  await services.store.transaction(async (tx) => {
    await tx.insertCheck({
      execution_id: request.execution_id,
      check_id: check.check_id,
      step_id: request.step_id,
      phase: request.phase === 'verify' ? 'after' : request.phase,
      verdict,
      at,
      detail: last.detail,
      evidence_id: last.evidenceId,
    });
    await tx.appendLogs(request.execution_id, [{ at, step_id: request.step_id, stream: 'event', text }]);
  });
  return { verdict, reason: last.detail, samples: samples.slice(-MAX_SAMPLES) };
}
