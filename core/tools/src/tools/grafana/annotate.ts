import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { beforeEffect } from '../../before-effect.ts';
import { InstanceName } from '../../http-connector.ts';
import { keyTag, looksMarked, WriteKey } from '../../key-mark.ts';
import { plainLine, plainText } from '../../plain-text.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { Annotation, annotationsOfKey, annotationTarget } from './annotation.ts';
import { callGrafana, Instant, Uid, urlOf } from './grafana-api.ts';
import type { GrafanaSettings, Runtime } from './grafana-api.ts';

const MAX_MS = 30 * 86_400_000;
const Tag = plainLine(50).refine((tag) => !looksMarked(tag), 'a tag without “carapulse:”, which is ours');

const AnnotateInput = z
  .strictObject({
    instance: InstanceName,
    key: WriteKey,
    /** Without it the instant at which Grafana takes the annotation, by its own clock. */
    start: Instant.optional(),
    end: Instant.optional(),
    /** Without it the annotation is the organisation's, seen where a dashboard asks for its tags. */
    dashboard_uid: Uid.optional(),
    tags: z.array(Tag).max(20).default([]),
    text: plainText(2000).refine((text) => text.trim() !== '', 'a text that says something'),
  })
  .refine(({ start, end }) => start !== undefined || end === undefined, 'an end needs a start')
  .refine(({ start, end }) => spanMs(start, end) >= 0, 'end must not lie before start')
  .refine(({ start, end }) => spanMs(start, end) <= MAX_MS, 'an annotation spans 30 days at most');

function spanMs(start: string | undefined, end: string | undefined): number {
  return start === undefined || end === undefined ? 0 : Date.parse(end) - Date.parse(start);
}
type AnnotateInput = z.infer<typeof AnnotateInput>;

const AnnotateOutput = z.strictObject({ instance: z.string(), annotation: Annotation });
type AnnotateOutput = z.infer<typeof AnnotateOutput>;

/** Marks a time on graphs, once a key; observable by the tag with its key, undone by `delete_annotation` with the same key. */
export const annotate = defineAction<GrafanaSettings, AnnotateInput, AnnotateOutput>({
  name: 'annotate',
  description: 'Marks an instant or a span of time on graphs',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: AnnotateInput,
  output: AnnotateOutput,
  effects: (input) => [{ kind: 'annotation', target: annotationTarget(input) }],
  transports: [
    {
      kind: 'http',
      run: async (input, runtime) => {
        const existing = await beforeEffect(`Grafana ${input.instance}`, () => made(input, runtime));
        if (existing !== null) return existing;
        const json = bodyOf(input);
        const request = { method: 'POST', path: '/api/annotations', json } as const;
        z.object({ id: z.int() }).parse(await callGrafana(runtime, input.instance, request));
        // Grafana says at which instant it put it. That it can't be read doesn't say that nothing happened.
        const seen = await made(input, runtime).catch((cause: unknown) => notShown(input, cause));
        return seen ?? notShown(input, null);
      },
    },
  ],
  observe: async (input, runtime) => ((await made(input, runtime)) === null ? 'not_done' : 'done'),
  readBack: made,
  commands: (input, settings) => [
    shellLine([
      'curl',
      '--request=POST',
      '--header=content-type: application/json',
      `--data=${JSON.stringify(bodyOf(input))}`,
      '--',
      urlOf(settings, input.instance, '/api/annotations'),
    ]),
  ],
  timeoutMs: 30_000,
  maxOutputBytes: 8_000_000,
});

function notShown({ instance }: AnnotateInput, cause: unknown): never {
  const message = `Grafana ${instance} took the annotation and does not show it.`;
  throw new AppError('tool_failed', message, { cause, details: { class: 'transient' } });
}

async function made(input: AnnotateInput, runtime: Runtime): Promise<AnnotateOutput | null> {
  const [annotation] = await annotationsOfKey(runtime, input);
  return annotation === undefined ? null : { instance: input.instance, annotation };
}

function bodyOf({ start, end = start, ...input }: AnnotateInput) {
  return {
    ...(input.dashboard_uid === undefined ? {} : { dashboardUID: input.dashboard_uid }),
    ...(start !== undefined && { time: Date.parse(start) }),
    ...(end !== undefined && { timeEnd: Date.parse(end) }),
    tags: [...input.tags, keyTag(input.key)],
    text: input.text,
  };
}
