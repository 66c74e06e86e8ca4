import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { answerError, answerJson, InstanceName } from '../../http-connector.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { Instant, sendToGrafana, Uid, urlOf } from './grafana-api.ts';
import type { GrafanaSettings } from './grafana-api.ts';

const MAX_SERIES = 200;

const QueryInput = z
  .strictObject({
    instance: InstanceName,
    datasource: Uid,
    /** In the language of the data source, for those that have it in `expr`: Prometheus, Mimir, Thanos, Loki. */
    expr: z
      .string()
      .min(1)
      .max(10_000)
      .refine((text) => !text.includes('\0'), 'a query without NUL'),
    start: Instant,
    end: Instant,
    max_points: z.int().min(1).max(2000).default(500),
  })
  .refine(({ start, end }) => Date.parse(end) > Date.parse(start), 'end must lie after start');
type QueryInput = z.infer<typeof QueryInput>;

const QueryOutput = z.strictObject({
  instance: z.string(),
  /** True when nothing matched: no data is neither good nor bad. */
  empty: z.boolean(),
  /** False when there is more than the bounds let through. */
  complete: z.boolean(),
  series: z.array(
    z.strictObject({
      name: z.string(),
      labels: z.record(z.string(), z.string()),
      /** Null where there is no number at that time. */
      points: z.array(z.strictObject({ at: z.string(), value: z.number().nullable() })),
    }),
  ),
});
type Series = z.infer<typeof QueryOutput>['series'][number];

const Field = z.object({
  name: z.string().default(''),
  type: z.string().default(''),
  labels: z.record(z.string(), z.string()).nullish(),
});
const Frame = z.object({
  schema: z.object({ fields: z.array(Field).default([]) }),
  data: z.object({ values: z.array(z.array(z.unknown())).default([]) }).default({ values: [] }),
});
const Result = z.object({
  status: z.int().optional(),
  error: z.string().optional(),
  frames: z.array(Frame).nullish(),
});
const Results = z.object({ results: z.object({ A: Result }) });

/** Asks a data source through Grafana. Nothing but `expr` is sent, so that no SQL is. */
export const query = defineAction<GrafanaSettings, QueryInput, z.infer<typeof QueryOutput>>({
  name: 'query',
  description: 'Asks a data source over a range of time',
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  input: QueryInput,
  output: QueryOutput,
  effects: (input) => [{ kind: 'read', target: `grafana:${input.instance}` }],
  transports: [
    {
      kind: 'http',
      run: async (input, runtime) => {
        const what = `Grafana ${input.instance}`;
        const request = { method: 'POST', path: '/api/ds/query', json: bodyOf(input) } as const;
        const answer = await sendToGrafana(runtime, input.instance, request);
        if (answer.status !== 200) throw answerError(what, answer, queryFault(answer.body) ?? answer.body);
        const { error, status, frames } = Results.parse(answerJson(what, answer)).results.A;
        if (error !== undefined || (status ?? 200) !== 200) {
          throw new AppError('tool_failed', `${what}: the query failed: ${(error ?? '').slice(0, 500)}`, {
            details: { class: 'permanent', status: status ?? 0 },
          });
        }
        return { instance: input.instance, ...bounded((frames ?? []).flatMap(seriesOf), input.max_points) };
      },
    },
  ],
  commands: (input, settings) => [
    shellLine([
      'curl',
      '--header=content-type: application/json',
      `--data=${JSON.stringify(bodyOf(input))}`,
      '--',
      urlOf(settings, input.instance, '/api/ds/query'),
    ]),
  ],
  timeoutMs: 30_000,
  maxOutputBytes: 16_000_000,
});

function bodyOf(input: QueryInput) {
  const [from, to] = [Date.parse(input.start), Date.parse(input.end)];
  const one = {
    refId: 'A',
    datasource: { uid: input.datasource },
    expr: input.expr,
    range: true,
    instant: false,
    maxDataPoints: input.max_points,
    intervalMs: Math.max(1000, Math.ceil((to - from) / input.max_points)),
  };
  return { queries: [one], from: String(from), to: String(to) };
}

/** A frame has one column of times and one for each series. */
function seriesOf({ schema: { fields }, data: { values } }: z.infer<typeof Frame>): readonly Series[] {
  const times = values[fields.findIndex(({ type }) => type === 'time')] ?? [];
  return fields.flatMap(({ name, type, labels }, column): Series[] => {
    if (type !== 'number') return [];
    const numbers = values[column] ?? [];
    const points = times.flatMap((time, row) => {
      if (typeof time !== 'number' || Math.abs(time) > 8.64e15) return [];
      const value = numbers[row];
      return [{ at: new Date(time).toISOString(), value: typeof value === 'number' ? value : null }];
    });
    return points.length === 0 ? [] : [{ name, labels: labels ?? {}, points }];
  });
}

/** The first series and the last points of each. A data source may give a point or two more than it was asked for. */
function bounded(all: readonly Series[], maxPoints: number) {
  const most = maxPoints + 2;
  const series = all.slice(0, MAX_SERIES).map((each) => ({ ...each, points: each.points.slice(-most) }));
  const complete = all.length <= MAX_SERIES && all.every(({ points }) => points.length <= most);
  return { empty: all.length === 0, complete, series };
}

/** What the data source says in an answer that is no success. */
function queryFault(body: string): string | null {
  try {
    const said = z
      .object({ message: z.string().optional(), results: Results.shape.results.optional() })
      .parse(JSON.parse(body));
    return said.results?.A.error ?? said.message ?? null;
  } catch {
    return null;
  }
}
