import { canonicalHash } from '@carapulse/kernel';
import { z } from 'zod';
import type { AnyAction } from './tool-definition.ts';

/**
 * Digest of what an action is: its schemas, how it may be repeated, its limits, its transports with the author's
 * revision, and the connector's settings. Paths of programs are not in it; two machines agree on it.
 */
export function definitionDigest(
  tool: string,
  action: AnyAction<unknown>,
  settings: unknown,
): `sha256:${string}` {
  return canonicalHash({
    tool,
    action: action.name,
    kind: action.kind,
    repeat: action.repeat,
    revision: action.revision,
    input: jsonSchema(action.input),
    output: jsonSchema(action.output),
    timeout_ms: action.timeoutMs,
    max_output_bytes: action.maxOutputBytes,
    transports: action.transports.map((transport) => ({
      kind: transport.kind,
      program: transport.program ?? null,
    })),
    settings,
  });
}

/** JSON Schema (2020-12) of what the schema takes in; what JSON Schema cannot say is left to `revision`. */
export function jsonSchema(schema: z.ZodType): object {
  return JSON.parse(
    JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })),
  ) as object;
}
