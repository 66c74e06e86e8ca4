import { createHash } from 'node:crypto';
import {
  RESOURCE_PART_BYTES,
  TOOL_ROUTER_RPC,
  type ExecuteToolInput,
  type ToolListing,
} from '@carapulse/contract';
import { AppError, type JsonObject } from '@carapulse/kernel';
import {
  describeCall,
  jsonSchema,
  type RegisteredAction,
  type ToolRegistry,
  type ToolRequest,
  type ToolRouter,
} from '@carapulse/tools';
import { createCallLogs } from './call-logs.ts';
import { serve, type Served } from './rpc-server.ts';

/** A larger output is fetched as evidence. */
const MAX_INLINE_BYTES = 4 * 1024 * 1024;
/** How long a follower may be there before its call. */
const FOLLOWER_WAIT_MS = 5000;

/** What calls left behind, by reference. The bytes are whole and checked against their checksum. */
export interface ToolResources {
  /** @throws AppError `not_found` for what isn't there or is another tenant's. */
  evidence(tenantId: string, evidenceId: string, signal: AbortSignal): Promise<Uint8Array>;
  call(tenantId: string, key: string, signal: AbortSignal): Promise<Uint8Array>;
}

export interface ServedToolRouter {
  readonly router: ToolRouter;
  readonly registry: ToolRegistry;
  readonly resources: ToolResources;
  readonly maxInlineBytes?: number;
}

/** The one pipeline of this process as procedures; nothing is decided here. */
export function serveToolRouter({
  router,
  registry,
  resources,
  ...limits
}: ServedToolRouter): readonly Served[] {
  const running = new Map<string, AbortController>();
  const logs = createCallLogs();
  // Made once: a readiness check asks for it, and schemas cost milliseconds each.
  let listing: ToolListing[] | null = null;
  const maxInlineBytes = limits.maxInlineBytes ?? MAX_INLINE_BYTES;
  const {
    listTools,
    describeCall: describe,
    executeTool,
    cancelTool,
    getResource,
    streamToolLogs,
  } = TOOL_ROUTER_RPC;
  return [
    serve(listTools, async () => ({ tools: (listing ??= registry.list().map(listingOf)) })),
    serve(describe, async (call) => {
      const described = describeCall(registry, call);
      if (described === null) return { call: null };
      const { definitionDigest, effects, commands, ...rest } = described;
      return {
        call: {
          ...rest,
          definition_digest: definitionDigest,
          effects: [...effects],
          commands: [...commands],
        },
      };
    }),
    serve(executeTool, async (input, { signal }) => {
      const log = logs.begin(input.call_id);
      if (log === null) throw new AppError('conflict', `There is a call ${input.call_id} already.`);
      const cancel = new AbortController();
      running.set(input.call_id, cancel);
      try {
        const response = await router.execute(requestOf(input), {
          signal: AbortSignal.any([signal, cancel.signal]),
          onOutput: log.write,
        });
        const inline = Buffer.byteLength(JSON.stringify(response.output)) <= maxInlineBytes;
        return {
          output_in: inline ? 'answer' : 'evidence',
          output: inline ? response.output : null,
          repeated: response.repeated,
          evidence_id: response.evidenceId,
          duration_ms: response.durationMs,
        };
      } finally {
        running.delete(input.call_id);
        log.end();
      }
    }),
    serve(
      cancelTool,
      async ({ call_id }) => {
        const found = running.get(call_id);
        found?.abort();
        return { cancelled: found !== undefined };
      },
      { whileDraining: true },
    ),
    serve(
      getResource,
      async ({ tenant_id: tenantId, resource, offset }, { signal }) => {
        const bytes =
          resource.kind === 'evidence'
            ? await resources.evidence(tenantId, resource.evidence_id, signal)
            : await resources.call(tenantId, resource.key, signal);
        const end = Math.min(bytes.length, offset + RESOURCE_PART_BYTES);
        return {
          media_type: 'application/json',
          sha256: createHash('sha256').update(bytes).digest('hex'),
          bytes: bytes.length,
          offset,
          content: Buffer.from(bytes.subarray(offset, end)).toString('base64'),
          next_offset: end < bytes.length ? end : null,
        };
      },
      { whileDraining: true },
    ),
    serve(
      streamToolLogs,
      async ({ call_id, after_seq }, { signal, send }) => {
        for await (const frame of logs.follow(call_id, after_seq, FOLLOWER_WAIT_MS, signal))
          await send(frame);
      },
      { whileDraining: true },
    ),
  ];
}

function listingOf({ tool, action, digest }: RegisteredAction): ToolListing {
  return {
    tool,
    action: action.name,
    description: action.description,
    kind: action.kind,
    repeat: action.repeat,
    definition_digest: digest,
    input_schema: jsonSchema(action.input) as JsonObject,
    output_schema: jsonSchema(action.output) as JsonObject,
    timeout_ms: action.timeoutMs,
    max_output_bytes: action.maxOutputBytes,
  };
}

function requestOf(input: ExecuteToolInput): ToolRequest {
  return {
    tool: input.tool,
    action: input.action,
    input: input.input,
    context: input.context,
    actor: input.actor,
    idempotencyKey: input.idempotency_key,
    executionId: input.execution_id,
    epoch: input.epoch,
    investigationId: input.investigation_id,
    ...(input.plan_id !== undefined && { planId: input.plan_id }),
    // Whatever it is, the trust store judges it, and names what is wrong with it.
    envelope: input.envelope as unknown as ToolRequest['envelope'],
  };
}
