import { newId, type ContextRef } from '@carapulse/kernel';
import type { ReadTool } from '@carapulse/planning';
import type { OperationContext } from '../operation.ts';

/** What is read belongs to one of these. */
type EvidenceOwner = { readonly investigationId: string } | { readonly planId: string };

/**
 * Reads for an investigation, or for a plan that no incident asked for, go the same way as everything else: through the
 * tool router, as evidence.
 */
export function readToolFor(context: OperationContext, where: ContextRef, of: EvidenceOwner) {
  const { services, actor } = context;
  const read = async (call: Parameters<ReadTool>[0], signal: AbortSignal) =>
    services.router.execute(
      {
        ...call,
        context: where,
        actor,
        idempotencyKey: newId('request', services.clock, services.random),
        executionId: null,
        epoch: null,
        investigationId: 'investigationId' in of ? of.investigationId : null,
        ...('planId' in of && { planId: of.planId }),
        envelope: null,
      },
      { signal },
    );
  const readTool: ReadTool = async (call, signal) => (await read(call, signal)).output;
  return { read, readTool };
}
