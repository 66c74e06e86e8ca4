import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@carapulse/kernel';
import { startFleet, type Fleet } from './fleet.ts';
import { quantile, type Measurement } from './measurement.ts';

const ALONE = 30;
const STORM = 30;
const POLL_MS = 5;
const WITHIN_MS = 180_000;
/** What a storm left to the garbage collector is gone by then. */
const SETTLE_MS = 30_000;

/** From sending the alert to the plan being in the list of plans that people see. */
async function alertToPlan(fleet: Fleet, services: readonly string[]): Promise<readonly number[]> {
  const { carapulse } = fleet;
  const hook = await carapulse.token('alertmanager');
  const alice = carapulse.as('alice');
  const sentAt = new Map<string, number>();
  const tookMs: number[] = [];
  await Promise.all(
    services.map(async (service) => {
      sentAt.set(service, performance.now());
      const response = await fetch(`${carapulse.url}/v1/hooks/alertmanager`, {
        method: 'POST',
        headers: { authorization: `Bearer ${hook}`, 'content-type': 'application/json' },
        body: JSON.stringify(fleet.alert(service)),
      });
      if (!response.ok) throw new AppError('internal', `The alert was refused: ${await response.text()}`);
    }),
  );
  const signal = AbortSignal.timeout(WITHIN_MS);
  while (sentAt.size > 0) {
    const { body } = await alice.call('listPlans', { query: { limit: 100 }, signal });
    const seenAt = performance.now();
    for (const plan of body.items) {
      const service = services.find((each) => plan.summary.endsWith(`broke ${each}`));
      const sent = service === undefined ? undefined : sentAt.get(service);
      if (service === undefined || sent === undefined) continue;
      tookMs.push(seenAt - sent);
      sentAt.delete(service);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  return tookMs;
}

async function run(): Promise<readonly Measurement[]> {
  const fleet = await startFleet(ALONE + STORM, null);
  try {
    const alone: number[] = [];
    for (const service of fleet.services.slice(0, ALONE))
      alone.push(...(await alertToPlan(fleet, [service])));
    const storm = await alertToPlan(fleet, fleet.services.slice(ALONE));
    await sleep(SETTLE_MS);
    const { resident, peak } = fleet.carapulse.memoryMb();
    const row = (metric: string, ours: number, unit: string, aim = ''): Measurement => ({
      metric,
      ours,
      peer: null,
      ratio: null,
      unit,
      aim,
    });
    return [
      row(`alert to plan visible, ${ALONE} incidents one by one, p50`, quantile(alone, 0.5), 'ms'),
      row(`alert to plan visible, ${ALONE} incidents one by one, p99`, quantile(alone, 0.99), 'ms'),
      row(`alert to plan visible, ${STORM} incidents at once, p50`, quantile(storm, 0.5), 'ms'),
      row(`alert to plan visible, ${STORM} incidents at once, p99`, quantile(storm, 0.99), 'ms'),
      row(
        `resident memory, ${SETTLE_MS / 1000} s after ${ALONE + STORM} incidents`,
        resident,
        'MB',
        '≤ 450 MB',
      ),
      row(`resident memory, peak, ${ALONE + STORM} incidents`, peak, 'MB'),
    ];
  } finally {
    await fleet.stop();
  }
}

/** Distinct services with repositories of their own, through the whole of `carapulse up`. */
export const bench = {
  name: 'alert to plan',
  peer: 'nothing: no other tool makes such a plan',
  rounds: 1,
  run,
};
