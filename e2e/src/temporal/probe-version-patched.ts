import { runMachines } from '@carapulse/workflow-temporal/workflow';
import { PROBE_PATCH, probeMachine } from '@carapulse/workflows/testing/probe';
import { heardOutside } from './probe-sink.ts';

export { carapulseMailbox } from '@carapulse/workflow-temporal/workflow';
export const carapulseRun = runMachines([probeMachine(heardOutside, 1, [PROBE_PATCH])]);
