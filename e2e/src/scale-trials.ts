import { expect } from 'vitest';
import type { Assistant } from './assistant.ts';
import { processKill } from './fault.ts';
import { countWrites, sample, strikeRun } from './kill-trial.ts';
import { planScaling, type ScaleWorld } from './scale-world.ts';
import { Tally } from './tally.ts';
import { approve, type PlanView } from './world.ts';

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
  const fault = processKill(() => world.start());
  const tally = new Tally(name, helps ? 'succeeded' : 'rolled_back');
  let assistant = first;
  await world.deploy(name, 2, { apart: !helps });
  const writes = await countWrites(assistant, fault, await nextPlan(world, assistant, trials));
  await fault.arm(assistant, null);
  for (const at of sample(writes, kills)) {
    const before = await world.state(name);
    const plan = await nextPlan(world, assistant, trials);
    await approve(assistant, plan, 'alice');
    const { assistant: carriedOn, ...run } = await strikeRun(assistant, fault, plan, at);
    assistant = carriedOn;
    const after = await world.state(name);
    tally.add({
      at,
      ...run,
      expected: [helps ? 1 : 2],
      changes: [after.generation - before.generation],
    });
    expect(after).toMatchObject({ replicas: helps ? 5 - before.replicas : 2, available: after.replicas });
  }
  tally.close();
  return assistant;
}

/** Bob's approval after alice's decides, since it names no service and so nobody knows what depends on it. */
async function nextPlan(
  world: ScaleWorld,
  assistant: Assistant,
  { name, helps }: ScaleTrials,
): Promise<PlanView> {
  const replicas = (await world.state(name)).replicas === 2 ? 3 : 2;
  // Where it helps time must not decide; where it does not, the time is waited for.
  return planScaling(assistant, name, replicas, { ready_within: helps ? '2m' : '12s' });
}
