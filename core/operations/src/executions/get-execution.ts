import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import type { CheckRecord, EvidenceRecord, ExecutionRecord, StepRecord } from '../ports/index.ts';
import { loadExecution } from './load-execution.ts';

const Input = z.strictObject({ execution_id: idSchema('execution') });

export interface ExecutionDetail {
  readonly execution: ExecutionRecord;
  readonly steps: readonly StepRecord[];
  readonly checks: readonly CheckRecord[];
  readonly evidence: readonly EvidenceRecord[];
}

/** One execution with its steps, the verdicts of its checks and its evidence. */
export const getExecution: ReadOperation<z.infer<typeof Input>, ExecutionDetail> = {
  kind: 'read',
  name: 'get-execution',
  permission: 'execution.read',
  input: Input,
  run: async ({ actor, services }, { execution_id }) => {
    const { read } = services.store;
    const execution = await loadExecution(read, actor.tenant_id, execution_id);
    return {
      execution,
      steps: await read.steps(execution_id),
      checks: await read.checks(execution_id),
      evidence: await read.evidence({ executionId: execution_id }),
    };
  },
};
