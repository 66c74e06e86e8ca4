import type { EvidenceView, ExecutionView, ProgressView } from '@carapulse/contract';
import { toTimestamp } from '@carapulse/kernel';
import type { EvidenceRecord, ExecutionDetail } from '@carapulse/operations';
import { executionSummary } from './plan-view.ts';

export function executionView(detail: ExecutionDetail): ExecutionView {
  return {
    execution: executionSummary(detail.execution),
    steps: detail.steps.map(({ execution_id: _id, ...step }) => step),
    checks: detail.checks.map(({ execution_id: _id, ...check }) => check),
    evidence: detail.evidence.map(evidenceView),
    progress: progressView(detail.progress),
    commands: [...detail.commands],
  };
}

function progressView(progress: ExecutionDetail['progress']): ProgressView {
  const { held, skipped, steps, undecided, skippable_checks: checks, ...rest } = progress;
  return {
    ...rest,
    held: held === null ? null : dated(held),
    undecided: [...undecided],
    skippable_checks: [...checks],
    skipped: skipped.map(dated),
    steps: steps.map(({ waits_for: waits, ...step }) => ({
      ...step,
      waits_for: waits?.kind === 'steps' ? { ...waits, step_ids: [...waits.step_ids] } : waits,
    })),
  };
}

function dated<T extends { readonly at_ms: number }>({ at_ms: atMs, ...rest }: T) {
  return { ...rest, at: toTimestamp(atMs) };
}

export function evidenceView({
  evidence_id,
  kind,
  source,
  object_key,
  sha256,
  bytes,
  collected_at,
}: EvidenceRecord): EvidenceView {
  return { evidence_id, kind, source, object_key, sha256, bytes, collected_at };
}
