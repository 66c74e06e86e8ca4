import { z } from 'zod';
import { answerError, InstanceName } from '../../http-connector.ts';
import { keyTag, WriteKey } from '../../key-mark.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { writeEach } from '../../write-each.ts';
import { annotationsOfKey, annotationTarget } from './annotation.ts';
import { sendToGrafana, Uid, urlOf } from './grafana-api.ts';
import type { GrafanaSettings } from './grafana-api.ts';

const DeleteInput = z.strictObject({
  instance: InstanceName,
  key: WriteKey,
  dashboard_uid: Uid.optional(),
});
const DeleteOutput = z.strictObject({ instance: z.string(), deleted: z.array(z.int()) });

/** Deletes what `annotate` made under a key; of others' annotations none. */
export const deleteAnnotation = defineAction<
  GrafanaSettings,
  z.infer<typeof DeleteInput>,
  z.infer<typeof DeleteOutput>
>({
  name: 'delete_annotation',
  description: 'Deletes the annotation that was made under a key',
  kind: 'write',
  repeat: 'convergent',
  revision: 1,
  input: DeleteInput,
  output: DeleteOutput,
  effects: (input) => [{ kind: 'annotation', target: annotationTarget(input) }],
  transports: [
    {
      kind: 'http',
      run: async (input, runtime) => {
        const found = await annotationsOfKey(runtime, input);
        await writeEach(found, async ({ id }) => {
          const request = { method: 'DELETE', path: `/api/annotations/${id}` } as const;
          const answer = await sendToGrafana(runtime, input.instance, request);
          // Somebody else was quicker.
          const gone = answer.status === 404 || (answer.status >= 200 && answer.status <= 299);
          if (!gone) throw answerError(`Grafana ${input.instance}`, answer, answer.body);
        });
        return { instance: input.instance, deleted: found.map(({ id }) => id) };
      },
    },
  ],
  commands: (input, settings) => {
    const query = new URLSearchParams({ tags: keyTag(input.key) }).toString();
    return [shellLine(['curl', '--', urlOf(settings, input.instance, `/api/annotations?${query}`)])];
  },
  timeoutMs: 30_000,
  maxOutputBytes: 8_000_000,
});
