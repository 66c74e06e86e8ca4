import { expect } from 'vitest';
import { AppError } from '@carapulse/kernel';
import type { Assistant } from './assistant.ts';
import { approve, endOf, planNow, until, type PlanOptions, type PlanView, type World } from './world.ts';

export interface Trial {
  readonly at: number;
  /** False when the run had ended before its `at`-th durable write. */
  readonly killed: boolean;
  readonly status: string;
  /** An acknowledged approval that was gone after the restart. */
  readonly lost: number;
  /** Steps that ran again after their end had been recorded. */
  readonly repeated: readonly string[];
  /** How often each branch was moved by this plan; one each is right. */
  readonly effects: readonly [number, number];
  /** What main says in the end, alpha's and beta's. */
  readonly states: readonly string[];
}

/** Runs one plan unharmed. @returns its durable writes from the deciding approval to the end. */
export async function countWrites(
  world: World,
  assistant: Assistant,
  options: PlanOptions = {},
): Promise<number> {
  const plan = await world.plan(assistant, options);
  await approve(assistant, plan, 'alice');
  await assistant.arm(null);
  const { execution_id } = await approve(assistant, plan, 'bob');
  await endOf(assistant, execution_id ?? '');
  const writes = await assistant.writes();
  await assistant.arm(null);
  return writes;
}

/** Kills the process at the `at`-th durable write of one plan's run, starts it again and says what became of the plan. */
export async function killAt(
  world: World,
  assistant: Assistant,
  at: number,
  options: PlanOptions = {},
): Promise<{ readonly trial: Trial; readonly assistant: Assistant }> {
  const plan = await world.plan(assistant, options);
  await approve(assistant, plan, 'alice');
  const before = await movesOf(world);
  const run = await killRun(assistant, () => world.start(), plan, at);
  const moves = await movesOf(world);
  const states = await Promise.all([world.shop.state('alpha'), world.shop.state('beta')]);
  return {
    assistant: run.assistant,
    trial: {
      at,
      killed: run.killed,
      status: run.status,
      lost: run.lost,
      repeated: run.repeated,
      effects: [moves[0] - before[0], moves[1] - before[1]],
      states,
    },
  };
}

export interface KilledRun extends Pick<Trial, 'killed' | 'status' | 'lost' | 'repeated'> {
  /** The process that carried on. */
  readonly assistant: Assistant;
}

/** Gives bob's deciding approval, kills the process at its `at`-th durable write, and follows the run to its end. */
export async function killRun(
  assistant: Assistant,
  restart: () => Promise<Assistant>,
  plan: PlanView,
  at: number,
): Promise<KilledRun> {
  await assistant.arm(at);
  const acknowledged = await approve(assistant, plan, 'bob').catch(unreachable);
  const whole =
    acknowledged === null ? null : await endOf(assistant, acknowledged.execution_id ?? '').catch(unreachable);
  const killed = whole === null || !(await disarmed(assistant));
  if (killed) expectKill(await assistant.ended);
  const after = killed ? await restart() : assistant;
  const { status, lost } = await carriedOn(after, plan, acknowledged !== null);
  return { assistant: after, killed, status, lost, repeated: await repeatedSteps(after, plan) };
}

/** What the restarted process makes of a plan; a person whose approval got no answer looks, and asks again. */
async function carriedOn(
  assistant: Assistant,
  plan: PlanView,
  acknowledged: boolean,
): Promise<{ readonly status: string; readonly lost: number }> {
  const now = await planNow(assistant, plan.plan.plan_id);
  const lost = acknowledged && now.status === 'awaiting_approval' ? 1 : 0;
  if (now.status === 'awaiting_approval') {
    if (now.approvals.length !== 1) throw new Error(`${now.approvals.length} approvals, and it waits`);
    const { body } = await assistant.as('bob').call('decideApproval', {
      body: { plan_id: plan.plan.plan_id, plan_hash: plan.plan.plan_hash, verdict: 'approve' },
    });
    return { status: (await endOf(assistant, body.execution_id ?? '')).execution.status, lost };
  }
  const execution = now.execution_id;
  if (execution === null) throw new Error(`The plan is ${now.status} without an execution.`);
  return { status: (await endOf(assistant, execution)).execution.status, lost };
}

/** Steps that the audit trail shows at work after it had recorded their success. */
async function repeatedSteps(assistant: Assistant, plan: PlanView): Promise<readonly string[]> {
  const { execution_id } = await planNow(assistant, plan.plan.plan_id);
  const { body } = await assistant.as('ada').call('listAuditEvents', { query: { limit: 200 } });
  const ended = new Set<string>();
  const repeated: string[] = [];
  for (const { action, subject_id, record } of body.items.toReversed()) {
    const details = (record['details'] ?? {}) as { readonly step_id?: string; readonly status?: string };
    if (action === 'step.end' && subject_id === execution_id && details.status === 'succeeded') {
      ended.add(`${details.step_id}`);
    }
    if (action !== 'tool.execute' || !subject_id.startsWith(`${execution_id}/`)) continue;
    const [, step = '', attempt = ''] = subject_id.split('/');
    if (/^\d+$/.test(attempt) && ended.has(step)) repeated.push(step);
  }
  return repeated;
}

async function movesOf({ shop }: World): Promise<readonly [number, number]> {
  return [await shop.moves('alpha'), await shop.moves('beta')];
}

/** The process was killed before it could answer. @throws everything else. */
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

/** A run's last writes come after its end can be seen, so the kill may too. */
function disarmed(assistant: Assistant): Promise<boolean> {
  const ended = assistant.ended.then(() => false);
  return Promise.race([
    ended,
    assistant.arm(null).then(
      () => true,
      () => ended,
    ),
  ]);
}

function expectKill(signal: NodeJS.Signals | null): void {
  if (signal !== 'SIGKILL')
    throw new Error(`The process ended by ${signal ?? 'itself'}, not by our SIGKILL.`);
}

export interface KillOptions {
  /** Of the durable writes of a run, those at which it is killed. */
  readonly positions: (writes: number) => readonly number[];
  readonly plan?: PlanOptions;
}

/** The same over several worlds side by side, each taking its share of the positions. */
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
 * Kills one plan's run at each of the chosen positions, one plan a position, beside a plan that waits for its second
 * approval and one that expires while nobody is up.
 */
export async function killEverywhere(world: World, options: KillOptions): Promise<void> {
  const helps = options.plan?.helps !== false;
  let assistant = await world.start();
  const waiting = await world.plan(assistant);
  await approve(assistant, waiting, 'alice');
  const writes = await countWrites(world, assistant, options.plan);
  const expiring = await world.plan(assistant, { alertname: 'BothBrokenSoon' });
  const trials: Trial[] = [];
  for (const at of options.positions(writes)) {
    const done = await killAt(world, assistant, at, options.plan);
    assistant = done.assistant;
    trials.push(done.trial);
    expect(done.trial).toSatisfy((trial: Trial) => isRight(trial, helps));
  }
  const kills = trials.filter((trial) => trial.killed).length;
  console.info(`${writes} durable writes a run; ${trials.length} runs, ${kills} kills, each as it should be`);
  // The last write of a run comes after its end can be seen, so the last position may find it ended.
  expect(kills).toBeGreaterThanOrEqual(Math.floor(trials.length * 0.9));
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

function isRight({ status, lost, repeated, effects, states }: Trial, helps: boolean): boolean {
  const pushes = helps ? 1 : 2;
  return (
    status === (helps ? 'succeeded' : 'rolled_back') &&
    lost === 0 &&
    repeated.length === 0 &&
    effects.every((each) => each === pushes) &&
    states.every((state) => (state === 'good') === helps)
  );
}
