import { AppError, newId, toAppError, toTimestamp } from '@carapulse/kernel';
import type { Firing, FiringStatus, Schedule } from '@carapulse/schedule';
import { recordEvent } from '../audit-trail.ts';
import { commitAudited, type OperationContext } from '../operation.ts';
import { proposePlan } from '../plans/propose-plan.ts';
import type { FiringRecord, StoreTransaction } from '../ports/index.ts';
import { firingNote } from '../schedules/firing-note.ts';
import { planWorkflow } from '../workflows/plan-workflow.ts';

const MOST_ATTEMPTS = 8;
const FIRST_RETRY_MS = 5000;
const LONGEST_RETRY_MS = 120_000;
/** How soon a firing that waits for an earlier plan's end looks again. */
const OVERLAP_LOOK_MS = 5000;

/** A firing that another try can't help: what it asks for is what is wrong. */
const REFUSALS: ReadonlySet<string> = new Set([
  'invalid_input',
  'not_found',
  'precondition_failed',
  'not_supported',
  'forbidden',
  'policy_denied',
]);

/**
 * Carries one firing that waits through: claim → its moment → overlap → plan. The plan and the firing's end are one
 * commit, which finds the firing waiting and the schedule unchanged. So a crash anywhere leaves it waiting, to be taken
 * up under the same plan id, never makes a second plan, and what a person changed meanwhile holds.
 * @returns how it ended; `waiting` when it is looked at again.
 */
export async function carryOutFiring(context: OperationContext, firing: Firing): Promise<FiringStatus> {
  const { services } = context;
  const schedule = await services.store.read.scheduleById(firing.schedule_id);
  // Its row is gone with it.
  if (schedule === null) return 'waiting';
  const claimed = await claim(context, schedule, firing);
  if (claimed.kind === 'settled') return claimed.status;
  try {
    return await plan(context, schedule, firing, claimed.planId);
  } catch (error) {
    if (context.signal.aborted) throw error;
    const failure = toAppError(error);
    if (failure.code === 'fenced') return 'waiting';
    return fail(context, schedule, firing, failure);
  }
}

type Claimed =
  | { readonly kind: 'claimed'; readonly planId: string }
  | { readonly kind: 'settled'; readonly status: FiringStatus };

/** One schedule's firings are judged one after the other, in whichever processes. */
async function claim(context: OperationContext, schedule: Schedule, firing: Firing): Promise<Claimed> {
  const { services } = context;
  const living = await services.store.read.livingProcesses();
  const planId = newId('plan', services.clock, services.random);
  const now = toTimestamp(services.clock.nowMs());
  return services.store.transaction(async (tx) => {
    await tx.alone(`schedule ${schedule.schedule_id}`);
    const own = await tx.claimFiring(firing.firing_id, services.epoch, living, planId);
    if (own === null) return { kind: 'settled', status: 'waiting' };
    const verdict =
      momentOf(schedule, firing, now) ?? overlapOf(schedule, await overlapped(tx, schedule, firing, now));
    if (verdict === null) return { kind: 'claimed', planId: own };
    const look_at = toTimestamp(services.clock.nowMs() + OVERLAP_LOOK_MS);
    await write(tx, context, schedule, { ...firing, ...verdict, look_at });
    return { kind: 'settled', status: verdict.status };
  });
}

type Verdict = Pick<Firing, 'status' | 'reason'>;

function momentOf(schedule: Schedule, firing: Firing, now: string): Verdict | null {
  const { paused } = schedule;
  if (paused !== null && firing.cause === 'cron')
    return { status: 'missed', reason: `paused by ${paused.by}: ${paused.note}` };
  if (now < firing.deadline_at) return null;
  const waited = firing.reason === '' ? '' : ` (${firing.reason})`;
  return { status: 'missed', reason: `it could not begin before ${firing.deadline_at}${waited}` };
}

async function overlapped(
  tx: StoreTransaction,
  { definition }: Schedule,
  firing: Firing,
  now: string,
): Promise<FiringRecord | null> {
  // What a person has asked for isn't held back by what runs.
  if (firing.cause !== 'cron' || definition.overlap === 'allow_all') return null;
  return tx.overlappedFiring(firing, now);
}

function overlapOf({ definition }: Schedule, other: FiringRecord | null): Verdict | null {
  if (other === null) return null;
  const waits = other.status === 'waiting';
  const what = waits ? `that of ${other.nominal_at} waits` : `plan ${other.plan_id} is ${other.plan_status}`;
  return {
    status: waits || definition.overlap === 'skip' ? 'skipped' : 'waiting',
    reason: `it overlaps: ${what}`,
  };
}

async function plan(
  context: OperationContext,
  schedule: Schedule,
  firing: Firing,
  planId: string,
): Promise<FiringStatus> {
  const { services, actor } = context;
  const { definition, name } = schedule;
  const people = [...schedule.authors, ...(firing.requested_by === null ? [] : [firing.requested_by])];
  const authors = [...new Set(people)];
  const outcome = await planWorkflow(context, {
    workflow: definition.workflow,
    input: definition.input,
    because: [`schedule ${name} of ${authors.join(', ')}: ${definition.reason}`],
    planId,
    createdBy: actor.id,
    authors,
    trigger: { kind: 'schedule', ref: `${name}@${firing.nominal_at}` },
  });
  if (outcome.kind === 'not_planned') {
    const reason = `workflow ${definition.workflow} makes no plan now: ${outcome.because.join('; ')}`;
    return settle(context, schedule, { ...firing, status: 'refused', reason });
  }
  const ended_at = toTimestamp(services.clock.nowMs());
  await proposePlan(
    context,
    {
      draft: outcome.draft,
      breakGlass: null,
      alongside: async (tx) => {
        if (await isChanged(tx, schedule))
          throw new AppError('fenced', `The schedule ${name} was changed while its plan was made.`);
        // Refused as well when another process that took it over was first.
        const { attempts, look_at } = firing;
        await tx.updateFiring(firing.firing_id, {
          status: 'planned',
          reason: '',
          attempts,
          look_at,
          ended_at,
        });
        return [];
      },
    },
    (work) => commitAudited(context, work),
  );
  return 'planned';
}

/** What another try can't help is refused at once; everything else is tried again while its window lasts. */
async function fail(
  context: OperationContext,
  schedule: Schedule,
  firing: Firing,
  failure: AppError,
): Promise<FiringStatus> {
  const attempts = firing.attempts + 1;
  const reason = failure.message;
  if (REFUSALS.has(failure.code))
    return settle(context, schedule, { ...firing, attempts, status: 'refused', reason });
  const { logger, clock } = context.services;
  logger.warn('a firing failed', {
    schedule: schedule.name,
    firing_id: firing.firing_id,
    attempts,
    cause: reason,
  });
  if (attempts >= MOST_ATTEMPTS)
    return settle(context, schedule, { ...firing, attempts, status: 'failed', reason });
  const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** firing.attempts);
  const look_at = toTimestamp(clock.nowMs() + waitMs);
  return settle(context, schedule, { ...firing, attempts, look_at, reason });
}

/**
 * Keeps what has become of a firing that made no plan, unless its schedule was changed meanwhile: then another try is
 * due by what that says now. @returns its status.
 */
async function settle(context: OperationContext, schedule: Schedule, firing: Firing): Promise<FiringStatus> {
  return context.services.store.transaction(async (tx) => {
    if (await isChanged(tx, schedule)) return 'waiting';
    await write(tx, context, schedule, firing);
    return firing.status;
  });
}

async function isChanged(tx: StoreTransaction, { schedule_id, revision }: Schedule): Promise<boolean> {
  return (await tx.scheduleById(schedule_id))?.revision !== revision;
}

async function write(
  tx: StoreTransaction,
  context: OperationContext,
  schedule: Schedule,
  firing: Firing,
): Promise<void> {
  const reason = firing.reason.slice(0, 2000);
  const ended_at = firing.status === 'waiting' ? null : toTimestamp(context.services.clock.nowMs());
  const { firing_id, status, attempts, look_at } = firing;
  await tx.updateFiring(firing_id, { status, attempts, look_at, reason, ended_at });
  if (ended_at !== null) await recordEvent(tx, context, firingNote(schedule, { ...firing, reason }));
}
