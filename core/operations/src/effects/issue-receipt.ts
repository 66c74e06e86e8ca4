import { signBody, type Receipt } from '@carapulse/approval';
import { canonicalJson, toTimestamp } from '@carapulse/kernel';
import type { Services } from '../services.ts';
import { loadRun } from './load-run.ts';

/** Where a run's receipt lies in the object store. */
export function receiptKey(executionId: string): string {
  return `evidence/${executionId}/receipt.json`;
}

/**
 * Writes the run's one receipt: the plan, its approvals, what each step and check came to, the digests of the
 * evidence and the audit chain's head, signed by the orchestrator. `verifyReceipt` checks it without this
 * installation. Deterministic for a run that has ended, so that repeating it writes the same bytes.
 */
export async function issueReceipt(
  services: Services,
  executionId: string,
  signal: AbortSignal,
): Promise<void> {
  const { read } = services.store;
  const run = await loadRun(services, executionId);
  if (run.execution.ended_at === null) return;
  const steps = await read.steps(executionId);
  const checks = await read.checks(executionId);
  const evidence = await read.evidence({ executionId });
  const body: Receipt['body'] = {
    type: 'carapulse.receipt.v1',
    plan: run.plan,
    approvals: run.approvals.map((approval) => approval.statement),
    execution: {
      execution_id: executionId,
      status: run.execution.status,
      reason: run.execution.status_reason,
      started_at: run.execution.started_at,
      first_write_at: run.execution.first_write_at,
      ended_at: run.execution.ended_at,
      epoch: run.execution.epoch,
    },
    steps: steps.map(({ step_id, status, attempts, evidence_id }) => ({
      step_id,
      status,
      attempts,
      evidence_id,
    })),
    checks: checks.map(({ check_id, step_id, phase, verdict, at, evidence_id }) => ({
      check_id,
      step_id,
      phase,
      verdict,
      at,
      evidence_id,
    })),
    evidence: evidence
      .filter((each) => each.kind !== 'receipt')
      .map(({ evidence_id, object_key, sha256 }) => ({ evidence_id, object_key, sha256 })),
    issued_at: run.execution.ended_at,
  };
  const receipt = await signBody(body, services.orchestratorSigner);
  const bytes = new TextEncoder().encode(canonicalJson(receipt));
  const { sha256 } = await services.objects.put(receiptKey(executionId), bytes, signal);
  await services.store.transaction(async (tx) => {
    const evidenceId = `${executionId}-receipt`;
    if ((await tx.evidenceById(evidenceId)) !== null) return;
    await tx.insertEvidence({
      evidence_id: evidenceId,
      tenant_id: run.execution.tenant_id,
      execution_id: executionId,
      investigation_id: null,
      plan_id: null,
      kind: 'receipt',
      source: { tool: 'carapulse', action: 'receipt', target: executionId },
      object_key: receiptKey(executionId),
      sha256,
      bytes: bytes.byteLength,
      collected_at: toTimestamp(services.clock.nowMs()),
    });
  });
}
