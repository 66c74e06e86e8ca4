import { newId, type ContextRef } from '@carapulse/kernel';
import type { ReadTool } from '@carapulse/planning';
import type { OperationContext } from '../operation.ts';

/** Reads for an investigation go the same way as everything else: through the tool router, as evidence. */
export function readToolFor(context: OperationContext, where: ContextRef, investigationId: string) {
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
        investigationId,
        envelope: null,
      },
      { signal },
    );
  const readTool: ReadTool = async (call, signal) => (await read(call, signal)).output;
  return { read, readTool };
}
