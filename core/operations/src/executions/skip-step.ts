import { AppError, toTimestamp } from '@carapulse/kernel';
import { planPolicyInput } from '@carapulse/plan';
import { z } from 'zod';
import type { OperationContext } from '../operation.ts';
import type { StoreTransaction } from '../ports/index.ts';
import { RunInput, steeredStep, tellRun, waitingSteering, type RunNow, type TellRun } from './tell-run.ts';

const Input = z
  .strictObject({
    ...RunInput.shape,
    step_id: z.string().min(1).max(63).optional(),
    check_id: z.string().min(1).max(63).optional(),
  })
  .refine(
    ({ step_id, check_id }) => (step_id === undefined) !== (check_id === undefined),
    'name a step or a check of the plan’s end, one of the two',
  );
type Input = z.infer<typeof Input>;

/**
 * Declares a step done that has not run, or waives an inconclusive check: dependents go on, a skipped write has no undo,
 * and the run can't end as `succeeded` any more. Humans only; policy is asked.
 * @throws AppError `forbidden` for a service or agent, `policy_denied`, `not_found`, `conflict` saying why not.
 */
export const skipStep: TellRun<Input> = tellRun({
  name: 'skip-step',
  verb: 'skip',
  permission: 'execution.skip',
  signal: 'skip',
  input: Input,
  peopleOnly: true,
  judge: assertPolicyAllows,
  assertFits: async (tx, run, { step_id, check_id }) => {
    if (check_id !== undefined) return assertCheck(run, check_id);
    if (step_id === undefined) return undefined;
    const { skip } = steeredStep(run, step_id);
    const { execution_id: id } = run.execution;
    if (skip !== null) throw new AppError('conflict', `Step ${step_id} of ${id} is not skipped: ${skip}.`);
    return assertNoEffect(tx, run, step_id);
  },
});

function assertCheck({ execution }: RunNow, checkId: string): void {
  const { skippable_checks: checks } = waitingSteering(execution);
  if (checks.includes(checkId)) return;
  const those = checks.length === 0 ? 'none is' : `these are: ${checks.join(', ')}`;
  throw new AppError(
    'conflict',
    `${checkId} is no check of the end of ${execution.execution_id} that is inconclusive; ${those}.`,
  );
}

/** A write that the tool router has ever begun, and that it did not see fail without an effect, may have had one. */
async function assertNoEffect(tx: StoreTransaction, run: RunNow, stepId: string): Promise<void> {
  const { execution, plan } = run;
  const id = execution.execution_id;
  if (plan.steps.find((step) => step.step_id === stepId)?.kind !== 'write') return;
  const row = (await tx.steps(id)).find((step) => step.step_id === stepId);
  // It took effect, and what is skipped is its check.
  if (row?.status === 'succeeded') return;
  if ((await tx.toolCall(`${id}/${stepId}/forward`)) === null) return;
  throw new AppError(
    'conflict',
    `Step ${stepId} of ${id} is not skipped: an attempt of it began and may have taken effect; \`assistantctl exec retry\` it, or roll back.`,
  );
}

async function assertPolicyAllows(
  context: OperationContext,
  { plan }: RunNow,
  request: Input,
): Promise<void> {
  const { services, actor, signal } = context;
  const { action, ...question } = planPolicyInput(plan, {
    actor,
    phase: 'dispatch',
    stage: services.settings.stage,
    time: toTimestamp(services.clock.nowMs()),
  });
  const { step_id = null, check_id = null, reason } = request;
  const skip = { step_id, check_id, reason };
  const input = { ...action.input, skip };
  const decision = await services.policy.decide(
    { ...question, action: { ...action, name: 'skip', input } },
    signal,
  );
  if (decision.decision !== 'deny') return;
  const reasons = decision.reasons.map((each) => `${each.rule}: ${each.message}`).join('; ');
  throw new AppError(
    'policy_denied',
    `Policy does not let ${actor.id} skip ${step_id ?? check_id} of plan ${plan.plan_id}: ${reasons}.`,
    { details: { reason: 'policy_denies' } },
  );
}
