import { AppError } from '@carapulse/kernel';
import type { JsonValue } from '@carapulse/kernel';
import { z } from 'zod';
import { egressTo } from '../../http-connector.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction, defineTool } from '../../tool-definition.ts';
import type { ToolRuntime } from '../../tool-definition.ts';
import { HttpSettings, HttpTarget, resolveTarget } from './http-settings.ts';

const PROBE_BODY = 4000;
const GET_BODY = 500_000;

const answer = {
  url: z.string(),
  /** Status from 200 to 299. */
  ok: z.boolean(),
  content_type: z.string(),
  body: z.string(),
  body_truncated: z.boolean(),
  /** The body as JSON, or null when it is none. */
  json: z.json(),
};
const ProbeOutput = z.strictObject({
  ...answer,
  /** Null when there was no answer; `error` then says why. */
  status: z.int().nullable(),
  latency_ms: z.int().nonnegative().nullable(),
  error: z.enum(['unreachable', 'timeout']).nullable(),
});
type ProbeOutput = z.infer<typeof ProbeOutput>;
const GetOutput = z.strictObject({ ...answer, status: z.int(), latency_ms: z.int().nonnegative() });
type GetOutput = z.infer<typeof GetOutput>;

const reads = {
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  input: HttpTarget,
  effects: (input: HttpTarget, settings: HttpSettings) => [
    { kind: 'read' as const, target: resolveTarget(settings, input).url },
  ],
  commands: (input: HttpTarget, settings: HttpSettings) => [
    shellLine(['curl', '--include', '--', resolveTarget(settings, input).url]),
  ],
} as const;

const probe = defineAction<HttpSettings, HttpTarget, ProbeOutput>({
  ...reads,
  name: 'probe',
  description: 'Asks a URL once and tells status and latency; no answer is an answer too',
  output: ProbeOutput,
  transports: [
    {
      kind: 'http',
      run: async (input, runtime) => {
        try {
          return { ...(await read(input, runtime, PROBE_BODY)), error: null };
        } catch (error) {
          const code = error instanceof AppError && !runtime.signal.aborted ? error.code : null;
          if (code !== 'unavailable' && code !== 'timeout') throw error;
          const failed = code === 'timeout' ? 'timeout' : 'unreachable';
          return { ...nothing(resolveTarget(runtime.settings, input).url), error: failed };
        }
      },
    },
  ],
  timeoutMs: 10_000,
  maxOutputBytes: 65_536,
});

const get = defineAction<HttpSettings, HttpTarget, GetOutput>({
  ...reads,
  name: 'get',
  description: 'Reads a URL below a configured endpoint, as text and as JSON where it is',
  output: GetOutput,
  transports: [{ kind: 'http', run: (input, runtime) => read(input, runtime, GET_BODY) }],
  timeoutMs: 30_000,
  maxOutputBytes: 1_000_000,
});

async function read(
  input: HttpTarget,
  runtime: ToolRuntime<HttpSettings>,
  maxBody: number,
): Promise<GetOutput> {
  const { url, endpoint } = resolveTarget(runtime.settings, input);
  const got = await runtime.http({
    method: 'GET',
    url,
    headers: { accept: '*/*', ...endpoint.headers },
    egress: egressTo(url, endpoint.egress),
  });
  const truncated = got.truncated || got.body.length > maxBody;
  return {
    url,
    ok: got.status >= 200 && got.status <= 299,
    status: got.status,
    latency_ms: Math.max(0, Math.round(got.durationMs)),
    content_type: (got.headers['content-type'] ?? '').slice(0, 200),
    body: got.body.slice(0, maxBody).toWellFormed(),
    body_truncated: truncated,
    json: truncated ? null : jsonOrNull(got.body),
  };
}

function nothing(url: string): Omit<ProbeOutput, 'error'> {
  const empty = { content_type: '', body: '', body_truncated: false, json: null };
  return { url, ok: false, status: null, latency_ms: null, ...empty };
}

function jsonOrNull(text: string): z.infer<typeof answer.json> {
  try {
    return JSON.parse(text.toWellFormed()) as JsonValue as z.infer<typeof answer.json>;
  } catch {
    return null;
  }
}

/** Probes and reads of plain HTTP endpoints. */
export const http = defineTool<HttpSettings>({
  name: 'http',
  title: 'HTTP',
  settings: HttpSettings,
  actions: [probe, get],
});
