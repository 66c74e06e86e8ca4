import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import { PageInput } from '../page-input.ts';
import type { ExecutionRecord, Page } from '../ports/index.ts';

const Input = z.strictObject(PageInput);

/** Executions, newest first. */
export const listExecutions: ReadOperation<z.infer<typeof Input>, Page<ExecutionRecord>> = {
  kind: 'read',
  name: 'list-executions',
  permission: 'execution.read',
  input: Input,
  run: ({ actor, services }, page) => services.store.read.executions(actor.tenant_id, page),
};
