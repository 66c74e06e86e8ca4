import { AppError } from '@carapulse/kernel';

interface Node {
  readonly step_id: string;
  readonly depends_on: readonly string[];
}

/**
 * Steps in an order where each follows its dependencies; ties by position, so the order is a function of the plan.
 * @throws AppError `invalid_input` for a duplicate id, a dependency on a step that is not there, or a cycle (named whole).
 */
export function topologicalOrder<T extends Node>(steps: readonly T[]): readonly T[] {
  const byId = new Map(steps.map((step) => [step.step_id, step]));
  if (byId.size !== steps.length) {
    const seen = new Set<string>();
    const twice = steps.find((step) => seen.size === seen.add(step.step_id).size);
    throw new AppError('invalid_input', `Two steps are called ${twice?.step_id}; ids are unique in a plan.`);
  }
  const order: T[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (step: T): void => {
    if (done.has(step.step_id)) return;
    const loop = path.indexOf(step.step_id);
    if (loop >= 0) {
      throw new AppError(
        'invalid_input',
        `Steps depend on each other in a circle: ${[...path.slice(loop), step.step_id].join(' → ')}.`,
      );
    }
    path.push(step.step_id);
    for (const id of step.depends_on) {
      const dependency = byId.get(id);
      if (dependency === undefined) {
        throw new AppError(
          'invalid_input',
          `Step ${step.step_id} depends on ${id}, which is not in the plan.`,
        );
      }
      visit(dependency);
    }
    path.pop();
    done.add(step.step_id);
    order.push(step);
  };
  for (const step of steps) visit(step);
  return order;
}

/** Steps whose dependencies are all in `finished` and that are not in `taken`, in plan order. */
export function readySteps<T extends Node>(
  steps: readonly T[],
  finished: ReadonlySet<string>,
  taken: ReadonlySet<string>,
): readonly T[] {
  return steps.filter((step) => !taken.has(step.step_id) && step.depends_on.every((id) => finished.has(id)));
}
