/**
 * The tool router of another process, as if it were here. Owner: the orchestrator's composition. Boundary: an
 * `RpcConnection`.
 * 1. A call that was lost is made again under the same key; the router's journal makes it one call. Of a write that may
 *    have been heard a repetition that changed nothing, or couldn't read it back, is made again too where that may pass.
 * 2. Once a write was lost, no error but `outcome_unknown` leaves here: any other would say that nothing happened.
 * 3. A caller that gives up has its call cancelled there, and hears what became of it.
 * 4. Of a router that can't be reached, a read and a write that were never heard tell within `patienceMs`, and can be
 *    tried again; a write that may have been heard is asked for until its caller gives up, or for `writePatienceMs`.
 * 5. Each repetition of a write has an envelope signed for it: waiting takes longer than an envelope lives.
 */
import { createHash } from 'node:crypto';
import { TOOL_ROUTER_RPC, type ExecuteToolInput, type ToolListing } from '@carapulse/contract';
import { AppError, toAppError, type JsonObject, type JsonValue } from '@carapulse/kernel';
import type { ToolCatalogue } from '@carapulse/planning';
import type { CallOptions, ToolRequest, ToolResponse, ToolRouter } from '@carapulse/tools';
import type { z } from 'zod';
import { cancellably } from './cancellably.ts';
import { pause } from './pause.ts';
import { LostRpc, type RpcConnection } from './rpc-connection.ts';

const PATIENCE_MS = 30_000;
const WRITE_PATIENCE_MS = 600_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;
/** Longer than a router needs to read back what an ended write has left. */
const CANCEL_GRACE_MS = 20_000;
const LOG_GRACE_MS = 2000;
const LOOK_UP_MS = 10_000;

export interface RemoteToolRouterOptions {
  readonly patienceMs?: number;
  readonly writePatienceMs?: number;
  readonly cancelGraceMs?: number;
}

type ResourcePart = z.infer<typeof TOOL_ROUTER_RPC.getResource.output>;

export type ResourceReference =
  | { readonly kind: 'evidence'; readonly evidence_id: string }
  | { readonly kind: 'call'; readonly key: string };

export interface RemoteToolRouter extends ToolRouter, ToolCatalogue {
  listTools(signal: AbortSignal): Promise<readonly ToolListing[]>;
  /** What a call left behind, whole. @throws AppError `not_found`. */
  getResource(tenantId: string, resource: ResourceReference, signal: AbortSignal): Promise<JsonValue>;
  /** @throws AppError `unavailable` when the router doesn't answer, `unauthenticated` with another credential. */
  check(signal: AbortSignal): Promise<void>;
}

export function createRemoteToolRouter(
  connection: RpcConnection,
  options: RemoteToolRouterOptions = {},
): RemoteToolRouter {
  const { cancelTool: cancel, executeTool } = TOOL_ROUTER_RPC;
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const ask: RpcConnection['call'] = async (procedure, input, signal) => {
    const late = AbortSignal.timeout(LOOK_UP_MS);
    const within = AbortSignal.any([signal, late]);
    try {
      return await patiently(() => connection.call(procedure, input, within), { patienceMs, signal: within });
    } catch (error) {
      if (!late.aborted || signal.aborted) throw error;
      const message = `The tool router at ${connection.url} didn't answer ${procedure.name} in ${LOOK_UP_MS} ms.`;
      throw new AppError('unavailable', message, { cause: error, retryable: true });
    }
  };
  const getResource: RemoteToolRouter['getResource'] = async (tenantId, resource, signal) => {
    const parts: Buffer[] = [];
    let offset: number | null = 0;
    let sha256 = '';
    while (offset !== null) {
      const part: ResourcePart = await ask(
        TOOL_ROUTER_RPC.getResource,
        { tenant_id: tenantId, resource, offset },
        signal,
      );
      parts.push(Buffer.from(part.content, 'base64'));
      offset = part.next_offset;
      sha256 = part.sha256;
    }
    const whole = Buffer.concat(parts);
    // What changed between two parts is neither the one nor the other.
    if (createHash('sha256').update(whole).digest('hex') !== sha256) {
      const message = `The parts that ${connection.url} gave of a resource don't make the whole; ask again.`;
      throw new AppError('unavailable', message, { retryable: true });
    }
    return JSON.parse(whole.toString('utf8')) as JsonValue;
  };
  const executeOnce = async (request: ToolRequest, call: CallOptions): Promise<ToolResponse> => {
    const { signal } = call;
    const graceMs = options.cancelGraceMs ?? CANCEL_GRACE_MS;
    const answer = await cancellably({ connection, cancel, graceMs, signal }, (callId, line) =>
      followed(connection, callId, call, () => connection.call(executeTool, inputOf(callId, request), line)),
    );
    const { evidence_id: evidenceId, repeated, duration_ms: durationMs } = answer;
    if (answer.output_in === 'answer') return { output: answer.output, repeated, evidenceId, durationMs };
    const reference = { kind: 'evidence', evidence_id: evidenceId } as const;
    // It is done, so no error of the fetch may stand for it; the repetition is answered from the journal.
    const evidence = await getResource(request.context.tenant_id, reference, signal).catch(
      (error: unknown) => {
        throw new LostRpc(`${connection.url} gave no output: ${toAppError(error).message}`, true, error);
      },
    );
    return { output: (evidence as JsonObject)['data'] ?? null, repeated, evidenceId, durationMs };
  };
  return {
    execute: (request, call) =>
      patiently(
        async (again) => executeOnce(again ? await renewed(connection.url, request, call) : request, call),
        {
          patienceMs,
          signal: call.signal,
          ...(request.envelope !== null && {
            write: {
              name: `${request.tool}.${request.action}`,
              patienceMs: options.writePatienceMs ?? WRITE_PATIENCE_MS,
            },
          }),
        },
      ),
    describe: async ({ tool, action, input }, signal) => {
      const { call } = await ask(TOOL_ROUTER_RPC.describeCall, { tool, action, input }, signal);
      if (call === null) return null;
      const { definition_digest: definitionDigest, ...rest } = call;
      return { ...rest, definitionDigest };
    },
    listTools: async (signal) => (await ask(TOOL_ROUTER_RPC.listTools, {}, signal)).tools,
    getResource,
    check: async (signal) => {
      try {
        await connection.call(TOOL_ROUTER_RPC.listTools, {}, signal);
      } catch (error) {
        throw error instanceof LostRpc ? new AppError('unavailable', error.message, { cause: error }) : error;
      }
    },
  };
}

interface Patience {
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly write?: { readonly name: string; readonly patienceMs: number };
}

/** Repeats what was lost, met a router about to end or at work on the same call, or may pass. Invariants 1, 2, 4. */
async function patiently<T>(
  work: (again: boolean) => Promise<T>,
  { patienceMs, signal, write }: Patience,
): Promise<T> {
  const startMs = performance.now();
  let heard = false;
  let again = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work(again);
    } catch (error) {
      if (error instanceof LostRpc) heard ||= error.heard;
      const unknown = heard && write !== undefined;
      again =
        error instanceof LostRpc ||
        isDraining(error) ||
        (heard && isInFlight(error)) ||
        (unknown && mayPass(error));
      const spentMs = performance.now() - startMs;
      const limitMs = unknown ? write.patienceMs : patienceMs;
      if (again && !signal.aborted && spentMs < limitMs) {
        await pause(Math.min(Math.max(pauseMs, retryAfterMsOf(error)), limitMs - spentMs), signal);
        continue;
      }
      if (unknown) throw outcomeUnknown(write.name, error);
      throw error instanceof LostRpc ? lostError(error, signal) : error;
    }
  }
}

function lostError(lost: LostRpc, signal: AbortSignal): AppError {
  if (signal.aborted) return new AppError('cancelled', 'The call was given up.', { cause: lost });
  return new AppError('unavailable', `The tool router at ${lost.message}`, { cause: lost, retryable: true });
}

function outcomeUnknown(name: string, error: unknown): AppError {
  const failure = toAppError(error);
  if (failure.code === 'outcome_unknown') return failure;
  return new AppError(
    'outcome_unknown',
    `Whether ${name} happened is not known: the tool router was lost in the middle of it (${failure.message}). ` +
      'Look at the target, then decide the run by hand.',
    { cause: error, retryable: true, details: { reason: 'router_lost' } },
  );
}

function isDraining(error: unknown): boolean {
  return error instanceof AppError && error.code === 'unavailable' && error.details['reason'] === 'draining';
}

function isInFlight(error: unknown): boolean {
  return error instanceof AppError && error.code === 'idempotency_in_progress';
}

/** A write that changed nothing, or that couldn't be read back just then. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof AppError) || !error.retryable) return false;
  return error.code === 'outcome_unknown' || error.details['effect'] === 'none';
}

function retryAfterMsOf(error: unknown): number {
  return error instanceof AppError ? (error.retryAfterMs ?? 0) : 0;
}

async function renewed(
  url: string,
  request: ToolRequest,
  { renewEnvelope }: CallOptions,
): Promise<ToolRequest> {
  if (request.envelope === null || renewEnvelope === undefined) return request;
  try {
    return { ...request, envelope: await renewEnvelope() };
  } catch (error) {
    const { message, retryable } = toAppError(error);
    // Like a router that couldn't be reached: what became of the call that was lost must still be heard.
    throw retryable ? new LostRpc(`${url} wasn't asked again: ${message}`, false, error) : error;
  }
}

/** Gives the call's output as it comes; all that there was has been given when the call's answer is. */
async function followed<T>(
  connection: RpcConnection,
  callId: string,
  { onOutput }: CallOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (onOutput === undefined) return work();
  const stop = new AbortController();
  const following = connection
    .stream(
      TOOL_ROUTER_RPC.streamToolLogs,
      { call_id: callId, after_seq: 0 },
      (frame) => {
        if (frame.kind === 'log') onOutput({ stream: frame.stream, text: frame.text });
      },
      stop.signal,
    )
    // What people may watch is no part of the call.
    .catch(() => {});
  try {
    return await work();
  } finally {
    const timer = setTimeout(() => stop.abort(), LOG_GRACE_MS);
    await following;
    clearTimeout(timer);
  }
}

function inputOf(callId: string, request: ToolRequest): ExecuteToolInput {
  return {
    call_id: callId,
    tool: request.tool,
    action: request.action,
    input: request.input,
    context: request.context,
    actor: request.actor,
    idempotency_key: request.idempotencyKey,
    execution_id: request.executionId,
    epoch: request.epoch,
    investigation_id: request.investigationId,
    ...(request.planId !== undefined && { plan_id: request.planId }),
    envelope: request.envelope as unknown as JsonObject | null,
  };
}
