import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import type { CheckRecord, EvidenceRecord, ExecutionRecord, StepRecord } from '../ports/index.ts';
import { loadPlan } from '../plans/load-plan.ts';
import { loadExecution } from './load-execution.ts';
import { remainingCommands } from './remaining-commands.ts';
import { runProgress, type RunProgress } from './run-progress.ts';

const Input = z.strictObject({ execution_id: idSchema('execution') });

export interface ExecutionDetail {
  readonly execution: ExecutionRecord;
  readonly steps: readonly StepRecord[];
  readonly checks: readonly CheckRecord[];
  readonly evidence: readonly EvidenceRecord[];
  readonly progress: RunProgress;
  /** What is left to do and to undo, as a person would paste it. */
  readonly commands: readonly string[];
}

/** One execution with its steps, the verdicts of its checks, its evidence, and what each step waits for. */
export const getExecution: ReadOperation<z.infer<typeof Input>, ExecutionDetail> = {
  kind: 'read',
  name: 'get-execution',
  permission: 'execution.read',
  input: Input,
  run: async ({ actor, services, signal }, { execution_id }) => {
    const { read } = services.store;
    const execution = await loadExecution(read, actor.tenant_id, execution_id);
    const { plan } = await loadPlan(read, actor.tenant_id, execution.plan_id);
    const steps = await read.steps(execution_id);
    const checks = await read.checks(execution_id);
    return {
      execution,
      steps,
      checks,
      evidence: await read.evidence({ executionId: execution_id }),
      progress: runProgress({ plan, execution, rows: steps, checks, nowMs: services.clock.nowMs() }),
      commands: await remainingCommands(plan, execution, steps, services.planning.catalogue, signal),
    };
  },
};
