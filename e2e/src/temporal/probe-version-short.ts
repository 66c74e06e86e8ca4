import { runMachines } from '@carapulse/workflow-temporal/workflow';
import { probeMachine } from '@carapulse/workflows/testing/probe';
import { heardOutside } from './probe-sink.ts';

/** A history goes on in a new one after each few things that the probe hears. */
const SHORT = 12;

export { carapulseMailbox } from '@carapulse/workflow-temporal/workflow';
export const carapulseRun = runMachines([probeMachine(heardOutside, 1)], SHORT);
