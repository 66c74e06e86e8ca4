import { z } from 'zod';
import { answerError, answerJson, InstanceName } from '../../http-connector.ts';
import { keyTag, WriteKey } from '../../key-mark.ts';
import { plainLine } from '../../plain-text.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction, defineTool } from '../../tool-definition.ts';
import { annotate } from './annotate.ts';
import { Annotation, readAnnotations } from './annotation.ts';
import { deleteAnnotation } from './delete-annotation.ts';
import { callGrafana, GrafanaSettings, Instant, sendToGrafana, Uid, urlOf } from './grafana-api.ts';
import type { Runtime } from './grafana-api.ts';
import { query } from './query.ts';

const InstanceInput = z.strictObject({ instance: InstanceName });
type InstanceInput = z.infer<typeof InstanceInput>;

const reads = {
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  effects: ({ instance }: InstanceInput) => [{ kind: 'read' as const, target: `grafana:${instance}` }],
  timeoutMs: 30_000,
  maxOutputBytes: 8_000_000,
} as const;

const http = <Input>(run: (input: Input, runtime: Runtime) => Promise<unknown>) =>
  [{ kind: 'http' as const, run }] as const;

const curl = (settings: GrafanaSettings, instance: string, path: string) => [
  shellLine(['curl', '--', urlOf(settings, instance, path)]),
];

const HealthOutput = z.strictObject({ instance: z.string(), healthy: z.boolean(), version: z.string() });
const RawHealth = z.object({ database: z.string(), version: z.string().default('') });

const health = defineAction<GrafanaSettings, InstanceInput, z.infer<typeof HealthOutput>>({
  ...reads,
  name: 'health',
  description: 'Whether Grafana has its database',
  input: InstanceInput,
  output: HealthOutput,
  transports: http(async ({ instance }, runtime) => {
    const answer = await sendToGrafana(runtime, instance, { method: 'GET', path: '/api/health' });
    // 503 with the same body says that the database is gone.
    if (answer.status !== 200 && answer.status !== 503)
      throw answerError(`Grafana ${instance}`, answer, answer.body);
    const { database, version } = RawHealth.parse(answerJson(`Grafana ${instance}`, answer));
    return { instance, healthy: answer.status === 200 && database === 'ok', version };
  }),
  commands: ({ instance }, settings) => curl(settings, instance, '/api/health'),
});

const Datasource = z.strictObject({ uid: z.string(), name: z.string(), type: z.string() });
const DatasourcesOutput = z.strictObject({
  instance: z.string(),
  empty: z.boolean(),
  datasources: z.array(Datasource),
});

const datasources = defineAction<GrafanaSettings, InstanceInput, z.infer<typeof DatasourcesOutput>>({
  ...reads,
  name: 'datasources',
  description: 'The data sources, without their addresses and credentials',
  input: InstanceInput,
  output: DatasourcesOutput,
  transports: http(async ({ instance }, runtime) => {
    const raw = await callGrafana(runtime, instance, { method: 'GET', path: '/api/datasources' });
    const found = z.array(z.object(Datasource.shape)).parse(raw);
    return { instance, empty: found.length === 0, datasources: found };
  }),
  commands: ({ instance }, settings) => curl(settings, instance, '/api/datasources'),
});

const AnnotationsInput = z
  .strictObject({
    instance: InstanceName,
    start: Instant.optional(),
    end: Instant.optional(),
    /** What `annotate` made under it. */
    key: WriteKey.optional(),
    /** All of them. */
    tags: z.array(plainLine(200)).max(20).default([]),
    dashboard_uid: Uid.optional(),
    limit: z.int().min(1).max(1000).default(100),
  })
  .refine(
    ({ start, end }) => start === undefined || end === undefined || Date.parse(end) >= Date.parse(start),
    'end must not lie before start',
  );
type AnnotationsInput = z.infer<typeof AnnotationsInput>;
const AnnotationsOutput = z.strictObject({
  instance: z.string(),
  empty: z.boolean(),
  /** False when there may be more than the limit. */
  complete: z.boolean(),
  annotations: z.array(Annotation),
});

const annotations = defineAction<GrafanaSettings, AnnotationsInput, z.infer<typeof AnnotationsOutput>>({
  ...reads,
  name: 'annotations',
  description: 'Annotations, of a range of time or of all times',
  input: AnnotationsInput,
  output: AnnotationsOutput,
  transports: http(async (input, runtime) => {
    const found = await readAnnotations(runtime, input.instance, annotationsQuery(input));
    return {
      instance: input.instance,
      empty: found.length === 0,
      complete: found.length < input.limit,
      annotations: found,
    };
  }),
  commands: (input, settings) => {
    const search = new URLSearchParams(annotationsQuery(input)).toString();
    return curl(settings, input.instance, `/api/annotations?${search}`);
  },
});

function annotationsQuery(input: AnnotationsInput): [string, string][] {
  return [
    ...instantQuery('from', input.start),
    ...instantQuery('to', input.end),
    ['limit', String(input.limit)],
    ...[...input.tags, ...(input.key === undefined ? [] : [keyTag(input.key)])].map(
      (tag): [string, string] => ['tags', tag],
    ),
    ...(input.dashboard_uid === undefined
      ? []
      : [['dashboardUID', input.dashboard_uid] satisfies [string, string]]),
  ];
}

function instantQuery(name: string, instant: string | undefined): [string, string][] {
  return instant === undefined ? [] : [[name, String(Date.parse(instant))]];
}

/** Grafana by its HTTP API. */
export const grafana = defineTool<GrafanaSettings>({
  name: 'grafana',
  title: 'Grafana',
  settings: GrafanaSettings,
  actions: [health, datasources, query, annotations, annotate, deleteAnnotation],
});
