import { expect } from 'vitest';
import { AppError } from '@carapulse/kernel';
import type { Assistant } from './assistant.ts';
import { processKill, type Fault } from './fault.ts';
import { Tally, type Trial } from './tally.ts';
import { approve, endOf, planNow, until, type PlanOptions, type PlanView, type World } from './world.ts';

/** So many plans are made of one broken shop, which is put back before each of them. */
const BATCH = 10;

/** Runs one plan unharmed. @returns its durable writes from the deciding approval to the end. */
export async function countWrites(assistant: Assistant, fault: Fault, plan: PlanView): Promise<number> {
  await approve(assistant, plan, 'alice');
  await fault.arm(assistant, null);
  const { execution_id } = await approve(assistant, plan, 'bob');
  await endOf(assistant, execution_id ?? '');
  return fault.writes(assistant);
}

export interface StruckRun extends Pick<Trial, 'struck' | 'status' | 'forgotten' | 'again' | 'repeated'> {
  /** The process that carried on. */
  readonly assistant: Assistant;
}

/**
 * Gives bob's deciding approval, strikes at the `at`-th durable write from then on, and follows the run to its end. An
 * approval that got no answer is asked for again, as the same request.
 */
export async function strikeRun(
  assistant: Assistant,
  fault: Fault,
  plan: PlanView,
  at: number,
): Promise<StruckRun> {
  await fault.arm(assistant, at);
  const acknowledged = await approve(assistant, plan, 'bob').catch(unreachable);
  const whole =
    acknowledged === null
      ? null
      : await Promise.race([
          endOf(assistant, acknowledged.execution_id ?? '').catch(unreachable),
          fault.strikes(assistant).then(() => null),
        ]);
  const struck = await fault.struck(assistant, whole !== null);
  const after = struck ? await fault.comeBack(assistant) : assistant;
  const { status, execution, forgotten } = await carriedOn(after, plan, acknowledged !== null);
  return { assistant: after, struck, status, forgotten, ...(await trailOf(after, execution)) };
}

/** What is made of a plan afterwards. Whether the first request was heard or not, the same again changes nothing more. */
async function carriedOn(assistant: Assistant, plan: PlanView, acknowledged: boolean) {
  const before = await planNow(assistant, plan.plan.plan_id);
  const waits = before.status === 'awaiting_approval';
  if (waits && before.approvals.length !== 1)
    throw new Error(`${before.approvals.length} approvals, and it waits`);
  await approve(assistant, plan, 'bob').catch((error: unknown) => {
    if (waits || !(error instanceof AppError) || error.code !== 'outcome_unknown') throw error;
  });
  const { execution_id: execution, status: now } = await planNow(assistant, plan.plan.plan_id);
  if (execution === null) throw new Error(`The plan is ${now} without an execution.`);
  const { status } = (await endOf(assistant, execution)).execution;
  return { status, execution, forgotten: acknowledged && waits ? 1 : 0 };
}

/** What the audit trail shows of a run: steps at work after their success, and writes that were recognised. */
async function trailOf(assistant: Assistant, execution: string): Promise<Pick<Trial, 'again' | 'repeated'>> {
  const { body } = await assistant.as('ada').call('listAuditEvents', { query: { limit: 200 } });
  const ended = new Set<string>();
  const again: string[] = [];
  const begun = new Map<string, number>();
  for (const { action, subject_id, record } of body.items.toReversed()) {
    const { phase } = record as { readonly phase?: string };
    const details = (record['details'] ?? {}) as {
      readonly step_id?: string;
      readonly status?: string;
      readonly kind?: string;
      readonly execution_id?: string;
      readonly outcome?: { readonly kind: string } | null;
    };
    if (action === 'step.end' && subject_id === execution && details.status === 'succeeded')
      ended.add(`${details.step_id}`);
    if (action !== 'tool.execute' || details.execution_id !== execution) continue;
    const [, step = '', attempt = ''] = subject_id.split('/');
    if (/^\d+$/.test(attempt) && ended.has(step)) again.push(step);
    const asked = details.kind === 'write' && phase === 'intent';
    const seen = details.outcome?.kind === 'observed_done';
    if (asked || seen) begun.set(subject_id, (begun.get(subject_id) ?? 0) + 1);
  }
  return { again, repeated: [...begun.values()].reduce((sum, times) => sum + times - 1, 0) };
}

async function movesOf({ shop }: World): Promise<readonly [number, number]> {
  return [await shop.moves('alpha'), await shop.moves('beta')];
}

/** There was no answer. @throws everything else. */
function unreachable(error: unknown): null {
  const code = error instanceof AppError ? error.code : null;
  const cut = error instanceof TypeError && /terminated|fetch failed/.test(error.message);
  if (code === 'unavailable' || code === 'timeout' || cut) return null;
  throw error;
}

/** Evenly spaced positions from 1 to `writes`, both ends included. */
export function sample(writes: number, count: number): readonly number[] {
  const step = (writes - 1) / (count - 1);
  return [...new Set(Array.from({ length: count }, (_, index) => Math.round(1 + index * step)))];
}

export interface StrikeOptions {
  readonly name: string;
  readonly fault: Fault;
  /** Of the durable writes of a run, those at which it is struck. */
  readonly positions: (writes: number) => readonly number[];
  readonly plan?: PlanOptions;
}

/** Strikes one plan's run at each of the chosen positions, one plan a position. @returns the process that carries on. */
export async function strikeEverywhere(
  world: World,
  first: Assistant,
  { name, fault, positions, plan: options }: StrikeOptions,
): Promise<Assistant> {
  const helps = options?.helps !== false;
  const tally = new Tally(name, helps ? 'succeeded' : 'rolled_back');
  let assistant = first;
  const writes = await countWrites(assistant, fault, await world.plan(assistant, options));
  await fault.arm(assistant, null);
  const left = [...positions(writes)];
  while (left.length > 0) {
    const batch = left.splice(0, BATCH);
    const plans = await world.plans(assistant, batch.length, options);
    const broken = [await world.shop.tip('alpha'), await world.shop.tip('beta')] as const;
    for (const [index, at] of batch.entries()) {
      const plan = plans[index];
      if (plan === undefined) throw new Error('A plan is missing.');
      await world.shop.reset('alpha', broken[0]);
      await world.shop.reset('beta', broken[1]);
      await approve(assistant, plan, 'alice');
      const before = await movesOf(world);
      const { assistant: after, ...run } = await strikeRun(assistant, fault, plan, at);
      assistant = after;
      const moves = await movesOf(world);
      const pushes = helps ? 1 : 2;
      tally.add({
        at,
        ...run,
        expected: [pushes, pushes],
        changes: [moves[0] - before[0], moves[1] - before[1]],
      });
      const states = await Promise.all([world.shop.state('alpha'), world.shop.state('beta')]);
      expect(states.map((state) => state === 'good')).toEqual([helps, helps]);
    }
  }
  tally.close();
  return assistant;
}

export type KillOptions = Omit<StrikeOptions, 'fault'>;

/** Kills over several worlds side by side, each taking its share of the positions. */
export async function killInAll(worlds: readonly World[], options: KillOptions): Promise<void> {
  await Promise.all(
    worlds.map((world, index) =>
      killEverywhere(world, {
        ...options,
        positions: (writes) => options.positions(writes).filter((_, at) => at % worlds.length === index),
      }),
    ),
  );
}

/**
 * Kills the process at each of the chosen positions, beside a plan that waits for its second approval and one that
 * expires while nobody is up.
 */
export async function killEverywhere(world: World, options: KillOptions): Promise<void> {
  let assistant = await world.start();
  const waiting = await world.plan(assistant);
  await approve(assistant, waiting, 'alice');
  const expiring = await world.plan(assistant, { alertname: 'BothBrokenSoon' });
  assistant = await strikeEverywhere(world, assistant, {
    ...options,
    fault: processKill(() => world.start()),
  });
  const still = await planNow(assistant, waiting.plan.plan_id);
  expect(still.status).toBe('awaiting_approval');
  expect(still.approvals.map((each) => each.statement.body.approver)).toEqual(['user:alice']);
  const gone = await until('the expiry', async () => {
    const now = await planNow(assistant, expiring.plan.plan_id);
    return now.status === 'expired' ? now : null;
  });
  expect(gone.execution_id).toBeNull();
  await assistant.stop();
}
