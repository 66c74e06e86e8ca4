import { canonicalJson } from '@carapulse/kernel';
import { z } from 'zod';
import { findNamed, InstanceName } from '../../http-connector.ts';
import type { InstanceSettings } from '../../http-connector.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import {
  callAlertmanager,
  keyTag,
  Matcher,
  readSilences,
  Silence,
  silencesOfKey,
} from './alertmanager-api.ts';
import type { Runtime } from './alertmanager-api.ts';

const SilenceKey = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{7,99}$/, 'lower-case letters, digits and dashes, 8 to 100');
const MAX_SILENCE_MS = 30 * 86_400_000;
const line = z
  .string()
  .max(500)
  .regex(/^[^\p{Cc}]*$/u, 'one line without control characters');

const SilenceInput = z
  .strictObject({
    instance: InstanceName,
    /** Names this silence for ever: a second write under it changes nothing, and `expire_silence` ends it. */
    key: SilenceKey,
    matchers: z.array(Matcher).min(1).max(20),
    starts_at: z.iso.datetime(),
    ends_at: z.iso.datetime(),
    created_by: line.min(1),
    comment: line,
  })
  .refine((input) => durationMs(input) > 0, 'ends_at must lie after starts_at')
  .refine((input) => durationMs(input) <= MAX_SILENCE_MS, 'a silence lasts 30 days at most')
  .refine(
    (input) =>
      input.matchers.some(
        (matcher) => matcher.value !== '' && !(matcher.is_regex && /^\^?\.[*+]\$?$/.test(matcher.value)),
      ),
    'at least one matcher must pick some alerts, not all',
  );
type SilenceInput = z.infer<typeof SilenceInput>;

const SilenceOutput = z.strictObject({ instance: z.string(), silence: Silence });

/** Silences alerts; observable by its key, undone by `expire_silence` with the same key. */
export const silence = defineAction<InstanceSettings, SilenceInput, z.infer<typeof SilenceOutput>>({
  name: 'silence',
  description: 'Silences the alerts that match, for a time',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: SilenceInput,
  output: SilenceOutput,
  effects: (input) => [
    { kind: 'alert_silence', target: `alertmanager:${input.instance}`, duration_ms: durationMs(input) },
  ],
  transports: [{ kind: 'http', run: createSilence }],
  observe: async (input, runtime) =>
    (await madeSilence(input, runtime)) === undefined ? 'not_done' : 'done',
  readBack: async (input, runtime) => ({
    instance: input.instance,
    silence: await madeSilence(input, runtime),
  }),
  commands: (input, settings) => [
    shellLine([
      'amtool',
      'silence',
      'add',
      `--alertmanager.url=${urlOf(settings, input.instance)}`,
      `--author=${input.created_by}`,
      `--comment=${commentOf(input)}`,
      `--start=${input.starts_at}`,
      `--end=${input.ends_at}`,
      '--',
      ...input.matchers.map(
        (matcher) => `${matcher.name}${operator(matcher)}${JSON.stringify(matcher.value)}`,
      ),
    ]),
  ],
  timeoutMs: 30_000,
  maxOutputBytes: 8_000_000,
});

const ExpireInput = z.strictObject({ instance: InstanceName, key: SilenceKey });
const ExpireOutput = z.strictObject({
  instance: z.string(),
  expired: z.array(z.string()),
  already_expired: z.array(z.string()),
});

/** Ends every silence made under a key; nothing happens to those that have ended. */
export const expireSilence = defineAction<
  InstanceSettings,
  z.infer<typeof ExpireInput>,
  z.infer<typeof ExpireOutput>
>({
  name: 'expire_silence',
  description: 'Ends the silence that was made under a key',
  kind: 'write',
  repeat: 'convergent',
  revision: 1,
  input: ExpireInput,
  output: ExpireOutput,
  effects: (input) => [{ kind: 'alert_silence', target: `alertmanager:${input.instance}`, duration_ms: 0 }],
  transports: [
    {
      kind: 'http',
      run: async (input, runtime) => {
        const made = silencesOfKey(await readSilences(runtime, input.instance), input.key);
        const open = made.filter((item) => item.state !== 'expired');
        for (const { id } of open) {
          const path = `/api/v2/silence/${encodeURIComponent(id)}`;
          await callAlertmanager(runtime, input.instance, { method: 'DELETE', path });
        }
        const ended = made.filter((item) => item.state === 'expired');
        return {
          instance: input.instance,
          expired: open.map((item) => item.id),
          already_expired: ended.map((item) => item.id),
        };
      },
    },
  ],
  commands: (input, settings) => {
    const url = `--alertmanager.url=${urlOf(settings, input.instance)}`;
    return [`${shellLine(['amtool', 'silence', 'query', url])} | grep -F ${shellLine([keyTag(input.key)])}`];
  },
  timeoutMs: 30_000,
  maxOutputBytes: 8_000_000,
});

async function createSilence(input: SilenceInput, runtime: Runtime): Promise<unknown> {
  const existing = await madeSilence(input, runtime);
  if (existing === undefined) {
    const json = {
      matchers: input.matchers.map((matcher) => ({
        name: matcher.name,
        value: matcher.value,
        isRegex: matcher.is_regex,
        isEqual: matcher.is_equal,
      })),
      startsAt: input.starts_at,
      endsAt: input.ends_at,
      createdBy: input.created_by,
      comment: commentOf(input),
    };
    await callAlertmanager(runtime, input.instance, { method: 'POST', path: '/api/v2/silences', json });
  }
  return { instance: input.instance, silence: existing ?? (await madeSilence(input, runtime)) };
}

/** The newest silence made under the key with the same matchers. */
async function madeSilence(input: SilenceInput, runtime: Runtime): Promise<Silence | undefined> {
  const wanted = matcherSet(input.matchers);
  return silencesOfKey(await readSilences(runtime, input.instance), input.key).find(
    (item) => matcherSet(item.matchers) === wanted,
  );
}

function matcherSet(matchers: readonly Matcher[]): string {
  return canonicalJson(matchers.map((matcher) => canonicalJson(matcher)).sort());
}

function commentOf(input: SilenceInput): string {
  return `${input.comment} ${keyTag(input.key)}`.trimStart();
}

function durationMs(input: { readonly starts_at: string; readonly ends_at: string }): number {
  return Date.parse(input.ends_at) - Date.parse(input.starts_at);
}

function operator(matcher: Matcher): string {
  if (matcher.is_regex) return matcher.is_equal ? '=~' : '!~';
  return matcher.is_equal ? '=' : '!=';
}

function urlOf(settings: InstanceSettings, instance: string): string {
  return findNamed(settings.instances, instance, 'connectors.alertmanager').url;
}
