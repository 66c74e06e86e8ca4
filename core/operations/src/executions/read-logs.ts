import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import type { ExecutionRecord, LogRecord } from '../ports/index.ts';
import { loadExecution } from './load-execution.ts';

const Input = z.strictObject({
  execution_id: idSchema('execution'),
  after_seq: z.int().min(0).default(0),
  limit: z.int().min(1).max(1000).default(500),
});

/** Log lines after a sequence number, and the execution, so that a follower knows when nothing more can come. */
export const readLogs: ReadOperation<
  z.infer<typeof Input>,
  { readonly execution: ExecutionRecord; readonly lines: readonly LogRecord[] }
> = {
  kind: 'read',
  name: 'read-logs',
  permission: 'execution.read',
  input: Input,
  run: async ({ actor, services }, { execution_id, after_seq, limit }) => {
    const { read } = services.store;
    // The status is read first: a run that ended before this read has no lines that the second read could miss.
    const execution = await loadExecution(read, actor.tenant_id, execution_id);
    return { execution, lines: await read.logs(execution_id, after_seq, limit) };
  },
};
