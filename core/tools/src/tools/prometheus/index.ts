import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { InstanceName, InstanceSettings } from '../../http-connector.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction, defineTool } from '../../tool-definition.ts';
import { callPrometheus, Labels, Point, RawInstant, RawRange, toPoint } from './prometheus-api.ts';
import { curl, http, instant, PromQl, reads, shared, urlOf } from './read-parts.ts';
import type { Runtime } from './read-parts.ts';
import { window } from './window.ts';

const QueryInput = z.strictObject({ instance: InstanceName, query: PromQl, time: instant.optional() });
const QueryOutput = z.strictObject({
  ...shared,
  result_type: z.enum(['vector', 'scalar', 'string']),
  /** True when nothing matched: no data is neither good nor bad. */
  empty: z.boolean(),
  samples: z.array(z.strictObject({ labels: Labels, ...Point.shape })),
  /** How long ago the oldest sample was scraped, by Prometheus' own clock; absent where it does not tell. */
  sample_age_ms: z.int().nonnegative().optional(),
});

const query = defineAction<InstanceSettings, z.infer<typeof QueryInput>, z.infer<typeof QueryOutput>>({
  ...reads,
  name: 'query',
  description: 'Evaluates PromQL at one instant',
  input: QueryInput,
  output: QueryOutput,
  transports: http(async (input, runtime) => {
    const form: Array<[string, string]> = [['query', input.query]];
    if (input.time !== undefined) form.push(['time', input.time]);
    const path = '/api/v1/query';
    // Asked first: what is scraped between the two makes the value newer than is told, never older.
    const age = input.time === undefined ? await sampleAge(runtime, input) : null;
    const { data, warnings } = await callPrometheus(runtime, input.instance, { method: 'POST', path, form });
    const raw = RawInstant.parse(data);
    const samples =
      raw.resultType === 'vector'
        ? raw.result.map((item) => ({ labels: item.metric, ...toPoint(item.value) }))
        : [{ labels: {}, ...toPoint(raw.result) }];
    const empty = samples.length === 0;
    return {
      instance: input.instance,
      result_type: raw.resultType,
      empty,
      samples,
      warnings,
      ...(age !== null && !empty && { sample_age_ms: age }),
    };
  }),
  commands: (input, settings) => [
    shellLine(['promtool', 'query', 'instant', urlOf(settings, input.instance), input.query]),
  ],
});

/**
 * An instant query answers with what was scraped last, up to minutes ago. For a selector `timestamp` tells when that
 * was; for what is computed it gives the time of the question. Null for what has no samples or is no vector.
 */
async function sampleAge(
  runtime: Runtime,
  input: { readonly instance: string; readonly query: string },
): Promise<number | null> {
  const form: Array<[string, string]> = [['query', `time() - min(timestamp(\n${input.query}\n))`]];
  try {
    const call = { method: 'POST', path: '/api/v1/query', form } as const;
    const raw = RawInstant.parse((await callPrometheus(runtime, input.instance, call)).data);
    const seconds = raw.resultType === 'vector' ? Number(raw.result[0]?.value[1]) : Number.NaN;
    return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds * 1000)) : null;
  } catch (error) {
    // The query itself tells what is wrong with it; one of a scalar has no age.
    if (error instanceof AppError && error.code === 'tool_failed') return null;
    throw error;
  }
}

const MAX_POINTS = 11_000;
const RangeInput = z
  .strictObject({
    instance: InstanceName,
    query: PromQl,
    start: instant,
    end: instant,
    step_ms: z.int().min(1000).max(86_400_000),
  })
  .refine((input) => Date.parse(input.end) >= Date.parse(input.start), 'end must not lie before start')
  .refine(
    (input) => (Date.parse(input.end) - Date.parse(input.start)) / input.step_ms < MAX_POINTS,
    `at most ${MAX_POINTS} points a series; take a longer step_ms`,
  );
const RangeOutput = z.strictObject({
  ...shared,
  empty: z.boolean(),
  series: z.array(z.strictObject({ labels: Labels, points: z.array(Point) })),
});

const queryRange = defineAction<InstanceSettings, z.infer<typeof RangeInput>, z.infer<typeof RangeOutput>>({
  ...reads,
  name: 'query_range',
  description: 'Evaluates PromQL over a range of time',
  input: RangeInput,
  output: RangeOutput,
  transports: http(async (input, runtime) => {
    const form: Array<[string, string]> = [
      ['query', input.query],
      ['start', input.start],
      ['end', input.end],
      ['step', String(input.step_ms / 1000)],
    ];
    const path = '/api/v1/query_range';
    const { data, warnings } = await callPrometheus(runtime, input.instance, { method: 'POST', path, form });
    const series = RawRange.parse(data).result.map((item) => ({
      labels: item.metric,
      points: item.values.map(toPoint),
    }));
    return { instance: input.instance, empty: series.length === 0, series, warnings };
  }),
  commands: (input, settings) => [
    shellLine([
      'promtool',
      'query',
      'range',
      `--start=${input.start}`,
      `--end=${input.end}`,
      `--step=${input.step_ms}ms`,
      urlOf(settings, input.instance),
      input.query,
    ]),
  ],
});

const SeriesInput = z.strictObject({
  instance: InstanceName,
  match: z.array(PromQl).min(1).max(20),
  start: instant.optional(),
  end: instant.optional(),
});
const SeriesOutput = z.strictObject({ ...shared, empty: z.boolean(), series: z.array(Labels) });

const series = defineAction<InstanceSettings, z.infer<typeof SeriesInput>, z.infer<typeof SeriesOutput>>({
  ...reads,
  name: 'series',
  description: 'Label sets of the series that match selectors',
  input: SeriesInput,
  output: SeriesOutput,
  transports: http(async (input, runtime) => {
    const form = input.match.map((match): [string, string] => ['match[]', match]);
    if (input.start !== undefined) form.push(['start', input.start]);
    if (input.end !== undefined) form.push(['end', input.end]);
    const path = '/api/v1/series';
    const { data, warnings } = await callPrometheus(runtime, input.instance, { method: 'POST', path, form });
    const found = z.array(Labels).parse(data);
    return { instance: input.instance, empty: found.length === 0, series: found, warnings };
  }),
  commands: (input, settings) => [
    shellLine([
      'promtool',
      'query',
      'series',
      ...input.match.map((match) => `--match=${match}`),
      urlOf(settings, input.instance),
    ]),
  ],
});

const InstanceInput = z.strictObject({ instance: InstanceName });
type InstanceInput = z.infer<typeof InstanceInput>;

const Alert = z.strictObject({
  name: z.string(),
  state: z.string(),
  labels: Labels,
  annotations: Labels,
  active_at: z.string().nullable(),
  value: z.string(),
});
const AlertsOutput = z.strictObject({ ...shared, empty: z.boolean(), alerts: z.array(Alert) });
const RawAlerts = z.object({
  alerts: z.array(
    z.object({
      labels: Labels,
      annotations: Labels.default({}),
      state: z.string(),
      activeAt: z.string().nullish(),
      value: z.string().default(''),
    }),
  ),
});

const alerts = defineAction<InstanceSettings, InstanceInput, z.infer<typeof AlertsOutput>>({
  ...reads,
  name: 'alerts',
  description: 'Alerts that are pending or firing by Prometheus’ own rules',
  input: InstanceInput,
  output: AlertsOutput,
  transports: http(async (input, runtime) => {
    const path = '/api/v1/alerts';
    const { data, warnings } = await callPrometheus(runtime, input.instance, { method: 'GET', path });
    const found = RawAlerts.parse(data).alerts.map(({ activeAt, ...alert }) => ({
      name: alert.labels['alertname'] ?? '',
      ...alert,
      active_at: activeAt ?? null,
    }));
    return { instance: input.instance, empty: found.length === 0, alerts: found, warnings };
  }),
  commands: (input, settings) => curl(settings, input.instance, '/api/v1/alerts'),
});

const ScrapeTarget = z.strictObject({
  job: z.string(),
  instance: z.string(),
  health: z.string(),
  scrape_url: z.string(),
  last_scrape: z.string(),
  last_error: z.string(),
  labels: Labels,
});
const TargetsOutput = z.strictObject({ ...shared, empty: z.boolean(), targets: z.array(ScrapeTarget) });
const RawTargets = z.object({
  activeTargets: z.array(
    z.object({
      labels: Labels,
      scrapeUrl: z.string(),
      lastError: z.string().default(''),
      lastScrape: z.string().default(''),
      health: z.string(),
    }),
  ),
});

const targets = defineAction<InstanceSettings, InstanceInput, z.infer<typeof TargetsOutput>>({
  ...reads,
  name: 'targets',
  description: 'What Prometheus scrapes and how that goes',
  input: InstanceInput,
  output: TargetsOutput,
  transports: http(async (input, runtime) => {
    const query: Array<[string, string]> = [['state', 'active']];
    const path = '/api/v1/targets';
    const { data, warnings } = await callPrometheus(runtime, input.instance, { method: 'GET', path, query });
    const found = RawTargets.parse(data).activeTargets.map((target) => ({
      job: target.labels['job'] ?? '',
      instance: target.labels['instance'] ?? '',
      health: target.health,
      scrape_url: target.scrapeUrl,
      last_scrape: target.lastScrape,
      last_error: target.lastError,
      labels: target.labels,
    }));
    return { instance: input.instance, empty: found.length === 0, targets: found, warnings };
  }),
  commands: (input, settings) => curl(settings, input.instance, '/api/v1/targets?state=active'),
});

/** Prometheus by its HTTP API. */
export const prometheus = defineTool<InstanceSettings>({
  name: 'prometheus',
  title: 'Prometheus',
  settings: InstanceSettings,
  actions: [query, queryRange, window, series, alerts, targets],
});

export { lookbackMs } from './lookback.ts';
export { STATISTICS } from './statistic.ts';
