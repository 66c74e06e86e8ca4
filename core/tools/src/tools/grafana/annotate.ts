import { z } from 'zod';
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
    start: Instant,
    end: Instant.optional(),
    /** Without it the annotation is the organisation's, seen where a dashboard asks for its tags. */
    dashboard_uid: Uid.optional(),
    tags: z.array(Tag).max(20).default([]),
    text: plainText(2000).refine((text) => text.trim() !== '', 'a text that says something'),
  })
  .refine(({ start, end = start }) => Date.parse(end) >= Date.parse(start), 'end must not lie before start')
  .refine(
    ({ start, end = start }) => Date.parse(end) - Date.parse(start) <= MAX_MS,
    'an annotation spans 30 days at most',
  );
type AnnotateInput = z.infer<typeof AnnotateInput>;

const AnnotateOutput = z.strictObject({ instance: z.string(), annotation: Annotation });
type AnnotateOutput = z.infer<typeof AnnotateOutput>;

/** Marks a time on graphs; observable by the tag with its key, undone by `delete_annotation` with the same key. */
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
        const existing = await made(input, runtime);
        if (existing !== null) return existing;
        const json = bodyOf(input);
        const request = { method: 'POST', path: '/api/annotations', json } as const;
        const { id } = z.object({ id: z.int() }).parse(await callGrafana(runtime, input.instance, request));
        return {
          instance: input.instance,
          annotation: {
            id,
            start: new Date(json.time).toISOString(),
            end: json.timeEnd > json.time ? new Date(json.timeEnd).toISOString() : null,
            text: json.text,
            tags: [...json.tags],
            dashboard_uid: input.dashboard_uid ?? null,
          },
        };
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

async function made(input: AnnotateInput, runtime: Runtime): Promise<AnnotateOutput | null> {
  const [annotation] = await annotationsOfKey(runtime, input);
  return annotation === undefined ? null : { instance: input.instance, annotation };
}

function bodyOf(input: AnnotateInput) {
  const time = Date.parse(input.start);
  return {
    ...(input.dashboard_uid === undefined ? {} : { dashboardUID: input.dashboard_uid }),
    time,
    timeEnd: input.end === undefined ? time : Date.parse(input.end),
    tags: [...input.tags, keyTag(input.key)],
    text: input.text,
  };
}
