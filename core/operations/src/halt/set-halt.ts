import { AppError, toAppError, toTimestamp } from '@carapulse/kernel';
import { HaltScope } from '@carapulse/tools';
import { z } from 'zod';
import type { ReadOperation, WriteOperation } from '../operation.ts';
import type { HaltControl } from '../services.ts';

const Input = z.strictObject({ scope: HaltScope.default('*'), reason: z.string().min(1).max(500) });
type State = ReturnType<HaltControl['list']>;

/** Stops every write of the scope. The switch turns first; the record follows, because stopping must never wait. */
export const setHalt: WriteOperation<z.infer<typeof Input>, State> = {
  kind: 'write',
  name: 'set-halt',
  permission: 'halt.write',
  auditAction: 'halt.set',
  input: Input,
  run: async ({ actor, services }, { scope, reason }, commit) => {
    const at = toTimestamp(services.clock.nowMs());
    await services.halt.halt(scope, reason, actor.id, at);
    const recorded = commit(async () => ({
      result: null,
      audit: {
        action: 'halt.set',
        phase: 'event',
        subject: { kind: 'halt', id: scope },
        outcome: { result: 'ok' },
        details: { reason, at },
      },
      events: [],
    }));
    await recorded.catch((cause: unknown) => {
      throw new AppError(
        'unavailable',
        `Writes of ${scope} are halted; that is not recorded yet, and will be when the database is back: ${toAppError(cause).message}`,
        { cause },
      );
    });
    return services.halt.list();
  },
};

const ResumeInput = z.strictObject({ scope: HaltScope.default('*'), reason: z.string().min(1).max(500) });

/** Lets writes of the scope run again; audited before the switch turns. Runs that waited go on by themselves. */
export const clearHalt: WriteOperation<z.infer<typeof ResumeInput>, State> = {
  kind: 'write',
  name: 'clear-halt',
  permission: 'halt.write',
  auditAction: 'halt.clear',
  input: ResumeInput,
  run: async ({ services }, { scope, reason }, commit) => {
    const was = services.halt.list().some((entry) => entry.scope === scope);
    await commit(async () => ({
      result: null,
      audit: {
        action: 'halt.clear',
        phase: 'event',
        subject: { kind: 'halt', id: scope },
        outcome: { result: 'ok' },
        details: { reason, was_halted: was },
      },
      events: [],
    }));
    await services.halt.resume(scope);
    return services.halt.list();
  },
};

/** What is halted now. */
export const getHalt: ReadOperation<Record<string, never>, State> = {
  kind: 'read',
  name: 'get-halt',
  permission: 'system.read',
  input: z.strictObject({}),
  run: async ({ services }) => services.halt.list(),
};
