import type { OnHeard } from '@carapulse/workflows/testing/probe';
import type { Sinks } from '@temporalio/workflow';
import { proxySinks } from '@temporalio/workflow';

/** How the probe tells, from inside the sandbox, what it hears. */
export interface ProbeSinks extends Sinks {
  readonly probe: { readonly heard: OnHeard };
}

export const heardOutside: OnHeard = (run, event, count) => {
  proxySinks<ProbeSinks>().probe.heard(run, event, count);
};
