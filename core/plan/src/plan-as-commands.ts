import { topologicalOrder } from './dag.ts';
import { displayText } from './display-text.ts';
import type { Plan } from './plan.ts';

/**
 * What a person could paste if Carapulse were down, in an order that keeps the dependencies: comment lines beginning
 * with `#`, and the command lines that each step's tool gave. For reading; nothing of it is ever executed by us.
 */
export function planAsCommands(plan: Plan): readonly string[] {
  const steps = topologicalOrder(plan.steps);
  return [
    `# Plan ${plan.plan_id}: ${displayText(plan.summary)}`,
    `# ${plan.plan_hash}; the first write must start before ${plan.expires_at}`,
    ...steps.flatMap((step) => [
      `# ${step.kind} ${step.step_id}: ${displayText(step.title)}`,
      ...(step.commands.length === 0
        ? [`# no command line is known for ${step.call.tool}.${step.call.action}`]
        : step.commands.map(pasteable)),
    ]),
  ];
}

/** The command, or a comment where a control character would make it do on paste what it does not show. */
export function pasteable(command: string): string {
  const shown = displayText(command);
  return shown === command ? command : `# not safe to paste: ${shown}`;
}
