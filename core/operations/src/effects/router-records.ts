import type { AuditWriter } from '@carapulse/audit';
import { canonicalJson, newId, toTimestamp, type Clock, type Random } from '@carapulse/kernel';
import type { EvidenceSink, ToolAudit } from '@carapulse/tools';
import { recordEvent } from '../audit-trail.ts';
import type { ObjectStore, Store, StoreTransaction } from '../ports/index.ts';

interface RecordPorts {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly audit: AuditWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: { readonly environment: string };
}

/** The router's audit as records of the one chain; durable before it returns. */
export function createToolAudit(ports: RecordPorts): ToolAudit {
  return {
    record: (entry) =>
      ports.store.transaction(async (tx) => {
        await enter(tx, entry);
        await recordEvent(
          tx,
          {
            actor: entry.actor,
            requestId: newId('request', ports.clock, ports.random),
            services: ports,
          },
          {
            action: 'tool.execute',
            phase: entry.phase === 'refused' ? 'outcome' : entry.phase,
            subject: { kind: 'tool_call', id: entry.idempotencyKey },
            context: entry.context,
            ...(entry.decision && { decision: decisionOf(entry.decision) }),
            ...(entry.outcome && { outcome: outcomeOf(entry.outcome) }),
            details: {
              tool: entry.tool,
              action: entry.action,
              kind: entry.kind,
              input_digest: entry.inputDigest,
              execution_id: entry.executionId,
              investigation_id: entry.investigationId,
              grant: entry.grant === null ? null : { ...entry.grant, approvers: [...entry.grant.approvers] },
              rules: entry.decision === null ? [] : [...entry.decision.rules],
              outcome: entry.outcome === null ? null : { ...entry.outcome },
            },
          },
        );
      }),
  };
}

/** What belongs to a run is recorded under its newest hold only. @throws AppError `fenced`. */
async function enter(
  tx: StoreTransaction,
  { executionId, epoch }: Pick<Parameters<ToolAudit['record']>[0], 'executionId' | 'epoch'>,
): Promise<void> {
  if (executionId !== null && epoch !== null) await tx.enterRun(executionId, epoch);
}

type Entry = Parameters<ToolAudit['record']>[0];

function decisionOf({ decision, rules }: NonNullable<Entry['decision']>) {
  return { decision, reasons: rules.map((rule) => ({ rule, message: rule })) };
}

function outcomeOf(outcome: NonNullable<Entry['outcome']>) {
  const code = outcome.code === null ? {} : { code: outcome.code };
  switch (outcome.kind) {
    case 'done':
    case 'observed_done':
      return { result: 'ok' as const };
    case 'unknown':
      return { result: 'unknown' as const, ...code };
    case 'refused':
      return { result: 'denied' as const, ...code };
    case 'not_done':
    case 'failed':
      return { result: 'failed' as const, ...code };
  }
}

/** Evidence as checksummed objects with their rows; the object is on disk before the row names it. */
export function createEvidenceSink(ports: RecordPorts): EvidenceSink {
  return {
    put: async (evidence) => {
      const evidenceId = newId('evidence', ports.clock, ports.random);
      const owner = evidence.executionId ?? evidence.investigationId ?? evidence.planId ?? 'unattached';
      const objectKey = `evidence/${owner}/${evidenceId}.json`;
      const collectedAt = toTimestamp(ports.clock.nowMs());
      const bytes = new TextEncoder().encode(
        canonicalJson({
          evidence_id: evidenceId,
          kind: evidence.kind,
          source: { tool: evidence.tool, action: evidence.action, target: evidence.target },
          context: evidence.context,
          collected_at: collectedAt,
          data: evidence.data,
        }),
      );
      const { sha256 } = await ports.objects.put(objectKey, bytes, AbortSignal.timeout(10_000));
      await ports.store.transaction(async (tx) => {
        await enter(tx, evidence);
        await tx.insertEvidence({
          evidence_id: evidenceId,
          tenant_id: evidence.context.tenant_id,
          execution_id: evidence.executionId,
          investigation_id: evidence.investigationId,
          plan_id: evidence.planId,
          kind: evidence.kind,
          source: { tool: evidence.tool, action: evidence.action, target: evidence.target },
          object_key: objectKey,
          sha256,
          bytes: bytes.byteLength,
          collected_at: collectedAt,
        });
      });
      return evidenceId;
    },
  };
}
