import { expect } from 'vitest';
import type { Assistant } from './assistant.ts';
import { killRun, sample } from './kill-trial.ts';
import { planScaling, type ScaleWorld } from './scale-world.ts';
import { approve, endOf, type PlanView } from './world.ts';

export interface ScaleTrials {
  readonly name: string;
  /** False: the added pod finds no place, so that each run is rolled back. */
  readonly helps: boolean;
  readonly kills: number;
}

/**
 * Kills the process at evenly spaced durable writes of runs that scale between 2 and 3, one run a position, and expects
 * of each one change, or one and its undo. @returns the process that runs in the end.
 */
export async function killScalings(
  world: ScaleWorld,
  first: Assistant,
  trials: ScaleTrials,
): Promise<Assistant> {
  const { name, helps, kills } = trials;
  let assistant = first;
  await world.deploy(name, 2, { apart: !helps });
  const writes = await countWrites(assistant, await nextPlan(world, assistant, trials));
  let killed = 0;
  for (const at of sample(writes, kills)) {
    const before = await world.state(name);
    const plan = await nextPlan(world, assistant, trials);
    const run = await killRun(assistant, () => world.start(), plan, at);
    assistant = run.assistant;
    const after = await world.state(name);
    killed += run.killed ? 1 : 0;
    const { status, lost, repeated } = run;
    expect({ at, status, lost, repeated, changes: after.generation - before.generation }).toEqual({
      at,
      status: helps ? 'succeeded' : 'rolled_back',
      lost: 0,
      repeated: [],
      changes: helps ? 1 : 2,
    });
    expect(after).toMatchObject({ replicas: helps ? 5 - before.replicas : 2, available: after.replicas });
  }
  console.info(
    `${name}: ${writes} durable writes a run; ${kills} runs, ${killed} kills, each as it should be`,
  );
  // The last write of a run comes after its end can be seen, so the last position may find it ended.
  expect(killed).toBeGreaterThanOrEqual(kills - 1);
  return assistant;
}

/** Approved by alice; bob's approval decides, since it names no service and so nobody knows what depends on it. */
async function nextPlan(
  world: ScaleWorld,
  assistant: Assistant,
  { name, helps }: ScaleTrials,
): Promise<PlanView> {
  const replicas = (await world.state(name)).replicas === 2 ? 3 : 2;
  // Where it helps time must not decide; where it does not, the time is waited for.
  const plan = await planScaling(assistant, name, replicas, { ready_within: helps ? '2m' : '12s' });
  await approve(assistant, plan, 'alice');
  return plan;
}

async function countWrites(assistant: Assistant, plan: PlanView): Promise<number> {
  await assistant.arm(null);
  const { execution_id } = await approve(assistant, plan, 'bob');
  await endOf(assistant, execution_id ?? '');
  const writes = await assistant.writes();
  await assistant.arm(null);
  return writes;
}
