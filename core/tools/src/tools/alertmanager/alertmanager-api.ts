import { z } from 'zod';
import { answerError, answerJson, instanceRequest } from '../../http-connector.ts';
import type { InstanceRequest, InstanceSettings } from '../../http-connector.ts';
import type { ToolRuntime } from '../../tool-definition.ts';

export type Runtime = ToolRuntime<InstanceSettings>;

/** One call of API v2; null for an empty success. @throws AppError `tool_failed`, classed for retries. */
export async function callAlertmanager(
  runtime: Runtime,
  instance: string,
  request: InstanceRequest,
): Promise<unknown> {
  const what = `Alertmanager ${instance}`;
  const answer = await runtime.http(instanceRequest(runtime.settings, instance, request));
  if (answer.status < 200 || answer.status > 299) throw answerError(what, answer, answer.body);
  return answer.body.trim() === '' ? null : answerJson(what, answer);
}

export const Matcher = z.strictObject({
  name: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'a label name'),
  value: z.string().max(1000),
  is_regex: z.boolean().default(false),
  is_equal: z.boolean().default(true),
});
export type Matcher = z.infer<typeof Matcher>;

const RawMatcher = z.object({
  name: z.string(),
  value: z.string(),
  isRegex: z.boolean(),
  isEqual: z.boolean().default(true),
});
const RawSilence = z.object({
  id: z.string(),
  status: z.object({ state: z.string() }),
  matchers: z.array(RawMatcher),
  startsAt: z.string(),
  endsAt: z.string(),
  createdBy: z.string(),
  comment: z.string(),
});

export const Silence = z.strictObject({
  id: z.string(),
  state: z.string(),
  matchers: z.array(z.strictObject({ ...Matcher.shape, name: z.string() })),
  starts_at: z.string(),
  ends_at: z.string(),
  created_by: z.string(),
  comment: z.string(),
});
export type Silence = z.infer<typeof Silence>;

export async function readSilences(runtime: Runtime, instance: string): Promise<Silence[]> {
  const raw = await callAlertmanager(runtime, instance, { method: 'GET', path: '/api/v2/silences' });
  return z
    .array(RawSilence)
    .parse(raw)
    .map((silence) => ({
      id: silence.id,
      state: silence.status.state,
      matchers: silence.matchers.map(({ isRegex, isEqual, ...matcher }) => ({
        ...matcher,
        is_regex: isRegex,
        is_equal: isEqual,
      })),
      starts_at: silence.startsAt,
      ends_at: silence.endsAt,
      created_by: silence.createdBy,
      comment: silence.comment,
    }));
}

/** What marks a silence as made under a key; it ends the comment. */
export function keyTag(key: string): string {
  return `[carapulse:${key}]`;
}

export function silencesOfKey(silences: readonly Silence[], key: string): readonly Silence[] {
  return silences.filter((silence) => silence.comment.endsWith(keyTag(key)));
}
