import { AppError, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import { answerError, answerJson, instanceRequest } from '../../http-connector.ts';
import type { InstanceRequest, InstanceSettings } from '../../http-connector.ts';
import type { ToolRuntime } from '../../tool-definition.ts';

const Envelope = z.object({
  status: z.enum(['success', 'error']),
  data: z.unknown().optional(),
  errorType: z.string().optional(),
  error: z.string().optional(),
  warnings: z.array(z.string()).default([]),
});

/** Errors that pass by themselves; Prometheus' other types name what is wrong with the question. */
const TRANSIENT = new Set(['timeout', 'canceled', 'unavailable', 'internal']);

/**
 * One call of the HTTP API (prometheus.io, "HTTP API": `{status, data, errorType, error, warnings}`).
 * @throws AppError `tool_failed`, retryable for 5xx, 429 and errors that pass; `details.error_type` as Prometheus says.
 */
export async function callPrometheus(
  runtime: ToolRuntime<InstanceSettings>,
  instance: string,
  request: InstanceRequest,
): Promise<{ readonly data: unknown; readonly warnings: readonly string[] }> {
  const what = `Prometheus ${instance}`;
  const answer = await runtime.http(instanceRequest(runtime.settings, instance, request));
  if (answer.status >= 500 && !answer.body.trimStart().startsWith('{')) {
    throw answerError(what, answer, answer.body);
  }
  const parsed = Envelope.safeParse(answerJson(what, answer));
  if (!parsed.success) throw answerError(what, answer, 'not an answer of the Prometheus API');
  const { status, data, error, errorType, warnings } = parsed.data;
  if (status === 'success') return { data, warnings };
  const type = errorType ?? 'unknown';
  const transient = TRANSIENT.has(type) || answer.status === 429 || answer.status >= 500;
  throw new AppError('tool_failed', `${what} refused (${type}): ${(error ?? '').slice(0, 500)}`, {
    retryable: transient,
    details: { class: transient ? 'transient' : 'permanent', status: answer.status, error_type: type },
  });
}

export const Labels = z.record(z.string(), z.string());

/** `value` is null for NaN and the infinities, which JSON lacks; `text` always is what Prometheus said. */
export const Point = z.strictObject({ at: z.string(), value: z.number().nullable(), text: z.string() });
export type Point = z.infer<typeof Point>;

/** `[<unix seconds>, "<value>"]` */
export const RawPoint = z.tuple([z.number(), z.string()]);

export function toPoint([seconds, text]: z.infer<typeof RawPoint>): Point {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return { at: toTimestamp(Math.round(seconds * 1000)), value: Number.isFinite(value) ? value : null, text };
}

export const RawInstant = z.discriminatedUnion('resultType', [
  z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: Labels, value: RawPoint })),
  }),
  z.object({ resultType: z.literal('scalar'), result: RawPoint }),
  z.object({ resultType: z.literal('string'), result: RawPoint }),
]);

export const RawRange = z.object({
  resultType: z.literal('matrix'),
  result: z.array(z.object({ metric: Labels, values: z.array(RawPoint) })),
});
