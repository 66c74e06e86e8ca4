import { condition, proxyActivities } from '@temporalio/workflow';

const { step } = proxyActivities<{ step: () => Promise<object> }>({ startToCloseTimeout: 60_000 });

/** The same number of activities as a plan's run, as a user of the bare SDK would write it. */
export async function bareSteps(steps: number): Promise<object> {
  for (let index = 0; index < steps; index += 1) await step();
  return {};
}

/** One activity, then a wait that nobody ends. */
export async function bareWait(): Promise<void> {
  await step();
  await condition(() => false);
}

/** An activity whose worker is silent for so long is given to another, as in Carapulse. */
const { push } = proxyActivities<{ push: (clone: string) => Promise<void> }>({
  startToCloseTimeout: 60_000,
  heartbeatTimeout: 10_000,
});

/** One push after the other. */
export async function barePushes(clones: readonly string[]): Promise<void> {
  for (const clone of clones) await push(clone);
}
