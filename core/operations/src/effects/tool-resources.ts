import { AppError, canonicalJson, sha256Hex, type JsonObject } from '@carapulse/kernel';
import type { ObjectStore, Store } from '../ports/index.ts';

interface ResourcePorts {
  readonly store: Store;
  readonly objects: ObjectStore;
}

/**
 * The stored evidence of a call, as canonical JSON `{evidence_id, kind, source, context, collected_at, data}`.
 * @throws AppError `not_found` for what isn't there or is another tenant's, `internal` when its bytes are not those
 * that were stored.
 */
export async function readEvidence(
  { store, objects }: ResourcePorts,
  tenantId: string,
  evidenceId: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const record = await store.read.evidenceById(evidenceId);
  if (record === null || record.tenant_id !== tenantId) throw missing(`evidence ${evidenceId}`);
  const bytes = await objects.get(record.object_key, signal);
  if (sha256Hex(bytes) === record.sha256) return bytes;
  throw new AppError(
    'internal',
    `The evidence ${evidenceId} was altered: its bytes are not those of its checksum.`,
  );
}

/**
 * What the journal holds of a call that a run made, as canonical JSON `{key, tool, action, kind, state, code, begun_at,
 * ended_at, response}`. @throws AppError `not_found` for what isn't there, is of no run, or is another tenant's.
 */
export async function readToolCall(
  { store }: ResourcePorts,
  tenantId: string,
  key: string,
): Promise<Uint8Array> {
  const call = await store.read.toolCall(key);
  const run = call?.execution_id ?? null;
  if (call === null || run === null || (await store.read.execution(tenantId, run)) === null)
    throw missing(`call ${key}`);
  const { tool, action, kind, state, code, begun_at, ended_at, response } = call;
  const document: JsonObject = { key, tool, action, kind, state, code, begun_at, ended_at, response };
  return new TextEncoder().encode(canonicalJson(document));
}

function missing(what: string): AppError {
  return new AppError('not_found', `There is no ${what} here.`);
}
