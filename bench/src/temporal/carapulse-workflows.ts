import { runMachines } from '@carapulse/workflow-temporal/workflow';
import { planMachine } from '@carapulse/workflows';

export { carapulseMailbox } from '@carapulse/workflow-temporal/workflow';
export const carapulseRun = runMachines([planMachine]);
