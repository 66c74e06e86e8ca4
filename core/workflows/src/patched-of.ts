import { AppError } from '@carapulse/kernel';
import type { Machine, Patched } from './durable-engine.ts';

/**
 * What the machine of this build is told of the changes that a run was started with.
 * @throws AppError `conflict` when one of them is not known to this build.
 */
export function patchedOf(machine: Machine<unknown>, recorded: readonly string[] = []): Patched {
  const { name, patches: known = [] } = machine;
  const [missing] = recorded.filter((id) => !known.includes(id));
  if (missing !== undefined)
    throw new AppError(
      'conflict',
      `it was started with the patch ${missing} of machine ${name}, which this build lacks; finish it with a build that has it.`,
    );
  return (id) => {
    if (!known.includes(id))
      throw new AppError('internal', `machine ${name} asks for the patch ${id}, which it does not name.`);
    return recorded.includes(id);
  };
}
