import { runMachines } from '@carapulse/workflow-temporal/workflow';
import { planMachine } from '@carapulse/workflows';

// This module is bundled for Temporal's sandbox; what it exports are the names of workflow types.
export { carapulseMailbox } from '@carapulse/workflow-temporal/workflow';
export const carapulseRun = runMachines([planMachine]);
