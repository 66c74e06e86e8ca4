import { signBody, type Envelope, type EnvelopeBody } from '@carapulse/approval';
import { toTimestamp } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { ApprovalRecord, ExecutionRecord } from '../ports/index.ts';
import type { RunServices } from '../services.ts';

const ENVELOPE_TTL_MS = 60_000;

/** Signs what the router demands before a write: the plan, its approvals as they stand now, the step, the run's epoch. */
export function issueEnvelope(
  services: Pick<RunServices, 'orchestratorSigner' | 'clock' | 'runEpoch'>,
  run: {
    readonly plan: Plan;
    readonly execution: ExecutionRecord;
    readonly approvals: readonly ApprovalRecord[];
  },
  step: { readonly stepId: string; readonly direction: 'forward' | 'rollback'; readonly key: string },
): Promise<Envelope> {
  const nowMs = services.clock.nowMs();
  const body: EnvelopeBody = {
    type: 'carapulse.envelope.v1',
    plan: run.plan,
    step_id: step.stepId,
    direction: step.direction,
    execution_id: run.execution.execution_id,
    idempotency_key: step.key,
    epoch: services.runEpoch,
    first_write_at: run.execution.first_write_at,
    approvals: standing(run, step.direction).map((approval) => approval.statement),
    issued_at: toTimestamp(nowMs),
    expires_at: toTimestamp(nowMs + ENVELOPE_TTL_MS),
  };
  return signBody(body, services.orchestratorSigner);
}

/**
 * Taking an approval back never stops an undo: what was written was written under enough of them. Instants don't tell
 * which came first, since the clock may have been set back between.
 */
function standing(
  { approvals }: Parameters<typeof issueEnvelope>[1],
  direction: 'forward' | 'rollback',
): readonly ApprovalRecord[] {
  return direction === 'rollback' ? approvals : approvals.filter(({ revoked_at }) => revoked_at === null);
}
