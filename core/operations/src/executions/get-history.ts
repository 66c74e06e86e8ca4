import { AppError, idSchema } from '@carapulse/kernel';
import type { RunHistory } from '@carapulse/workflows';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import { loadExecution } from './load-execution.ts';

const Input = z.strictObject({ execution_id: idSchema('execution') });

/** What the run of an execution was given, has heard and answered, for a replay by another build. */
export const getHistory: ReadOperation<z.infer<typeof Input>, RunHistory> = {
  kind: 'read',
  name: 'get-history',
  permission: 'execution.read',
  input: Input,
  run: async ({ actor, services }, { execution_id }) => {
    await loadExecution(services.store.read, actor.tenant_id, execution_id);
    const history = await services.engine.history(execution_id);
    if (history !== null) return history;
    throw new AppError(
      'not_found',
      `No durable engine has a history of ${execution_id}: its run has not begun, or its engine no longer keeps it.`,
    );
  },
};
