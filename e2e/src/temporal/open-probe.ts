import { fileURLToPath } from 'node:url';
import type { Logger } from '@carapulse/kernel';
import { bundleMachines, createTemporalEngine } from '@carapulse/workflow-temporal';
import type { ActivityHandler, DurableEngine } from '@carapulse/workflows';
import type { ProbeSetting } from '@carapulse/workflows/testing';
import { PROBE_PATCH, probeMachine } from '@carapulse/workflows/testing/probe';

/** Version 1 as it is, with the patch, and in histories of a few events; and version 2. */
const PROBES = ['1', '2', 'patched', 'short'] as const;
export type ProbeBundles = Readonly<Record<(typeof PROBES)[number], string>>;

/** The probes as the sandbox takes them. */
export async function bundleProbes(): Promise<ProbeBundles> {
  const bundles: Record<string, string> = {};
  for (const name of PROBES) {
    const path = fileURLToPath(new URL(`./probe-version-${name}.ts`, import.meta.url));
    bundles[name] = await bundleMachines(path, undefined);
  }
  return bundles as ProbeBundles;
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
  { version = 1, onHeard = () => undefined, abortGraceMs, patched, short }: ProbeSetting = {},
  { missedAfterMs = 10_000, logger, key = 7, callMs }: ProbeTuning = {},
): Promise<DurableEngine> {
  const [address = '', namespace = ''] = place.split(' ');
  return createTemporalEngine({
    server: { address, namespace },
    taskQueue: 'probe',
    bundle: bundles[patched ? 'patched' : short ? 'short' : version],
    machines: [probeMachine(undefined, version, patched ? [PROBE_PATCH] : [])],
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
