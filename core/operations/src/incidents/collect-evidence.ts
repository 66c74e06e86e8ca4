import {
  evidenceQueries,
  type Evidence,
  type EvidenceQuery,
  type ServiceProfile,
} from '@carapulse/diagnosis';
import type { Alert, Incident, Investigation } from '@carapulse/incident';
import { canonicalHash, toAppError, toTimestamp } from '@carapulse/kernel';
import type { OperationContext } from '../operation.ts';
import { readToolFor } from './read-tool.ts';

/** Rounds after which an investigation asks no more, whatever the queries say. */
const MAX_ROUNDS = 5;

export interface Collected {
  readonly evidence: readonly Evidence[];
  readonly missing: Investigation['missing'];
}

/** Asks the queries of an incident in rounds until there are no more. A query that fails becomes something missing. */
export async function collectEvidence(
  context: OperationContext,
  incident: Incident,
  alerts: readonly Alert[],
  profile: ServiceProfile | null,
  investigationId: string,
): Promise<Collected> {
  const { services, signal } = context;
  const { read } = readToolFor(context, incident.context, { investigationId });
  const answers = new Map<string, Evidence>();
  // Answers arrive in any order; diagnosis must not depend on it.
  const evidence = (): readonly Evidence[] =>
    [...answers].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, answer]) => answer);
  const missing: Array<Collected['missing'][number]> = [];
  const asked = new Set<string>();
  const ask = async (query: EvidenceQuery): Promise<void> => {
    asked.add(query.key);
    try {
      const { output, evidenceId } = await read(query, signal);
      answers.set(query.key, {
        evidence_id: evidenceId,
        kind: query.kind,
        source: { tool: query.tool, action: query.action, target: query.target },
        collected_at: toTimestamp(services.clock.nowMs()),
        data: output,
        digest: canonicalHash(output),
      });
    } catch (error) {
      missing.push({ what: query.what, reason: toAppError(error).message.slice(0, 500) });
    }
  };
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const now = toTimestamp(services.clock.nowMs());
    const queries = evidenceQueries({ incident, alerts, profile, now, evidence: evidence(), asked });
    if (queries.length === 0) break;
    await Promise.all(queries.map(ask));
    signal.throwIfAborted();
  }
  return { evidence: evidence(), missing };
}
