import { fileURLToPath } from 'node:url';
import type { Logger } from '@carapulse/kernel';
import { bundleMachines, createTemporalEngine } from '@carapulse/workflow-temporal';
import type { ActivityHandler, DurableEngine } from '@carapulse/workflows';
import type { ProbeSetting } from '@carapulse/workflows/testing';
import { probeMachine } from '@carapulse/workflows/testing/probe';

export type ProbeBundles = Readonly<Record<1 | 2, string>>;

/** Both versions of the probe as the sandbox takes them. */
export async function bundleProbes(): Promise<ProbeBundles> {
  const path = (version: number): string =>
    fileURLToPath(new URL(`./probe-version-${version}.ts`, import.meta.url));
  return { 1: await bundleMachines(path(1), undefined), 2: await bundleMachines(path(2), undefined) };
}

/** `missedAfterMs` is how soon a killed worker is missed. */
export interface ProbeTuning {
  readonly missedAfterMs?: number;
  readonly logger?: Logger;
  /** Another one is another installation's. */
  readonly key?: number;
  readonly callMs?: number;
}

/** An engine that runs the probe. A place is `address namespace`. */
export function openProbe(
  place: string,
  bundles: ProbeBundles,
  work: ActivityHandler,
  { version = 1, onHeard = () => undefined, abortGraceMs }: ProbeSetting = {},
  { missedAfterMs = 10_000, logger, key = 7, callMs }: ProbeTuning = {},
): Promise<DurableEngine> {
  const [address = '', namespace = ''] = place.split(' ');
  return createTemporalEngine({
    server: { address, namespace },
    taskQueue: 'probe',
    bundle: bundles[version],
    machines: [probeMachine(undefined, version)],
    activities: { work },
    payloadKeys: { current: 'test', keys: { test: new Uint8Array(32).fill(key) } },
    ...(logger === undefined ? {} : { logger }),
    ...(callMs === undefined ? {} : { callMs }),

    heartbeatMs: missedAfterMs,
    decisionMs: missedAfterMs,
    ...(abortGraceMs === undefined ? {} : { abortGraceMs }),
    sinks: {
      probe: {
        heard: {
          callDuringReplay: true,
          fn: (_info: unknown, ...[run, told, count]: Parameters<typeof onHeard>) =>
            onHeard(run, told, count),
        },
      },
    },
  });
}
