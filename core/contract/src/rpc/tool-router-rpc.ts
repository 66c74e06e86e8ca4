import { Actor, ContextRef, JsonObject, JsonValue } from '@carapulse/kernel';
import { RepeatClass } from '@carapulse/plan';
import { Effect } from '@carapulse/policy';
import { z } from 'zod';
import { CallId, procedure } from './procedure.ts';

const name = z.string().min(1).max(200);
const id = z.string().min(1).max(200);
const key = z.string().min(1).max(1000);
const kind = z.enum(['read', 'write']);

export const ToolListing = z.object({
  tool: name,
  action: name,
  description: z.string(),
  kind,
  repeat: RepeatClass,
  definition_digest: z.string(),
  /** JSON Schema 2020-12. */
  input_schema: JsonObject,
  output_schema: JsonObject,
  timeout_ms: z.int(),
  max_output_bytes: z.int(),
});
export type ToolListing = z.infer<typeof ToolListing>;

const ExecuteToolInput = z.strictObject({
  call_id: CallId,
  tool: name,
  action: name,
  input: JsonObject,
  context: ContextRef,
  actor: Actor,
  idempotency_key: key,
  execution_id: id.nullable(),
  epoch: z.int().min(0).nullable(),
  investigation_id: id.nullable(),
  plan_id: id.optional(),
  /** Judged by the router's trust store, not here. */
  envelope: JsonObject.nullable(),
});
export type ExecuteToolInput = z.infer<typeof ExecuteToolInput>;

const ExecuteToolOutput = z.object({
  /** `evidence`: too large for an answer; it is the member `data` of the evidence. */
  output_in: z.enum(['answer', 'evidence']),
  output: JsonValue,
  repeated: z.boolean(),
  evidence_id: id,
  duration_ms: z.int(),
});

/** A frame of `StreamToolLogs`. */
export const ToolLogFrame = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('log'),
    /** Dense from 1 in a call. */
    seq: z.int().min(1),
    stream: z.enum(['stdout', 'stderr']),
    text: z.string(),
  }),
  /** What came before `before_seq` is not kept any more. */
  z.object({ kind: z.literal('gap'), before_seq: z.int() }),
  z.object({ kind: z.literal('ping') }),
  /** Nothing follows. `unknown`: no such call began in time, or it is forgotten. */
  z.object({ kind: z.literal('end'), reason: z.enum(['ended', 'unknown', 'closing']), last_seq: z.int() }),
]);
export type ToolLogFrame = z.infer<typeof ToolLogFrame>;

const GetResourceInput = z.strictObject({
  tenant_id: z.string().min(1).max(253),
  resource: z.discriminatedUnion('kind', [
    /** Stored evidence: what a call returned, redacted and checksummed. */
    z.strictObject({ kind: z.literal('evidence'), evidence_id: id }),
    /** What the journal holds of a call of a run, by its key. */
    z.strictObject({ kind: z.literal('call'), key }),
  ]),
  offset: z.int().min(0).default(0),
});

const GetResourceOutput = z.object({
  media_type: z.literal('application/json'),
  /** Of the whole, in lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int(),
  offset: z.int(),
  /** At most `RESOURCE_PART_BYTES` from `offset` on, in base64. */
  content: z.base64(),
  next_offset: z.int().nullable(),
});

/** How much of a resource one answer holds. */
export const RESOURCE_PART_BYTES = 1024 * 1024;

const DescribedCall = z.object({
  kind,
  repeat: RepeatClass,
  definition_digest: z.string(),
  input: JsonObject,
  effects: z.array(Effect),
  commands: z.array(z.string()),
});

/** The tool router's procedures. */
export const TOOL_ROUTER_RPC = {
  /** Every action that can be called. */
  listTools: procedure('ListTools', 'unary', z.strictObject({}), z.object({ tools: z.array(ToolListing) })),
  /** What planning asks of a call; null when the action isn't there or isn't configured. */
  describeCall: procedure(
    'DescribeCall',
    'unary',
    z.strictObject({ tool: name, action: name, input: JsonObject }),
    z.object({ call: DescribedCall.nullable() }),
  ),
  executeTool: procedure('ExecuteTool', 'unary', ExecuteToolInput, ExecuteToolOutput),
  /** Ends a running call; `ExecuteTool` answers what became of it. */
  cancelTool: procedure(
    'CancelTool',
    'unary',
    z.strictObject({ call_id: CallId }),
    z.object({ cancelled: z.boolean() }),
  ),
  getResource: procedure('GetResource', 'unary', GetResourceInput, GetResourceOutput),
  streamToolLogs: procedure(
    'StreamToolLogs',
    'stream',
    z.strictObject({ call_id: CallId, after_seq: z.int().min(0).default(0) }),
    ToolLogFrame,
  ),
} as const;
