import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { InstanceName } from '../../http-connector.ts';
import type { InstanceSettings } from '../../http-connector.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { callPrometheus, RawInstant, RawRange, toPoint } from './prometheus-api.ts';
import { lookbackMs } from './lookback.ts';
import { http, PromQl, reads, shared, urlOf } from './read-parts.ts';
import type { Runtime } from './read-parts.ts';
import { statisticOf, STATISTICS } from './statistic.ts';

/** A window is evaluated at this many instants, a second apart at least. */
const POINTS = 60;

const WindowInput = z.strictObject({
  instance: InstanceName,
  query: PromQl.refine((text) => lookbackMs(text) !== null, 'PromQL without `offset`, `@` and comments'),
  window_seconds: z.int().min(1).max(86_400),
  statistic: z.enum(STATISTICS),
  /** Fewer samples than this give no value. */
  min_samples: z.int().min(1).max(POINTS).default(1),
  /** True: having no value is a failure, which says why. */
  required: z.boolean().default(false),
});
type WindowInput = z.infer<typeof WindowInput>;

const WindowOutput = z.strictObject({
  ...shared,
  statistic: z.enum(STATISTICS),
  from: z.string(),
  to: z.string(),
  /** True when nothing matched: no data is neither good nor bad. */
  empty: z.boolean(),
  series: z.int(),
  /** Numbers that the statistic is of; what was scraped once counts once. */
  samples: z.int(),
  /** Instants at which it was no number, as what is divided by no traffic. */
  not_numbers: z.int(),
  /** Absent unless there is exactly one series with enough samples. */
  value: z.number().optional(),
  /** Why there is no value; empty where there is one. */
  because: z.string(),
  /** How long ago the oldest that takes part was scraped, ranges in the query included. */
  sample_age_ms: z.int().nonnegative(),
});
type WindowOutput = z.infer<typeof WindowOutput>;

/**
 * One number for the values that a query had over the last seconds, up to now by Prometheus' own clock.
 * @throws AppError `tool_failed` (retryable, `reason: 'no_value'`) where a value is `required` and there is none.
 */
export const window = defineAction<InstanceSettings, WindowInput, WindowOutput>({
  ...reads,
  name: 'window',
  description: 'A statistic of what PromQL gave over the last seconds',
  input: WindowInput,
  output: WindowOutput,
  transports: http(async (input, runtime) => {
    const output = await readWindow(input, runtime);
    if (output.value !== undefined || !input.required) return output;
    throw new AppError('tool_failed', `Prometheus ${input.instance} gives no value: ${output.because}.`, {
      retryable: true,
      details: { class: 'transient', reason: 'no_value' },
    });
  }),
  commands: (input, settings) => [
    shellLine([
      'promtool',
      'query',
      'instant',
      urlOf(settings, input.instance),
      `(${input.query})[${input.window_seconds}s:${stepSeconds(input)}s]`,
    ]),
  ],
});

const stepSeconds = ({ window_seconds }: WindowInput): number =>
  Math.max(1, Math.ceil(window_seconds / POINTS));

async function readWindow(input: WindowInput, runtime: Runtime): Promise<WindowOutput> {
  const { instance, query, statistic } = input;
  const end = await serverSeconds(runtime, instance);
  const start = end - input.window_seconds;
  const found = await readRange(runtime, input, { query, start, end });
  const [one, ...others] = found.series;
  const points = (one ?? []).map(toPoint);
  const numbers = points.flatMap(({ at, value }) => (value === null ? [] : [{ at, value }]));
  const scraped = one === undefined ? new Map() : await scrapeTimes(runtime, input, { start, end });
  const once = [...new Map(numbers.map((each) => [scraped.get(each.at) ?? each.at, each.value])).values()];
  const because = noValueBecause(input, found.series.length, once.length, points.length - numbers.length);
  const oldest = Math.min(start, ...numbers.map(({ at }) => scraped.get(at) ?? start));
  return {
    instance,
    warnings: [...found.warnings],
    statistic,
    from: new Date(start * 1000).toISOString(),
    to: new Date(end * 1000).toISOString(),
    empty: one === undefined,
    series: found.series.length,
    samples: others.length === 0 ? once.length : 0,
    not_numbers: points.length - numbers.length,
    ...(because === '' && { value: statisticOf(statistic, once) }),
    because,
    sample_age_ms: Math.ceil((end - oldest) * 1000) + (lookbackMs(query) ?? 0),
  };
}

function noValueBecause(
  { min_samples: least }: WindowInput,
  series: number,
  samples: number,
  notNumbers: number,
): string {
  if (series === 0) return 'the query has no series in the window';
  if (series > 1)
    return `the query has ${series} series, and which one is meant nobody can tell; aggregate it`;
  if (samples >= least) return '';
  const others = notNumbers === 0 ? '' : ` (and ${notNumbers} that are no numbers)`;
  return `there are ${samples} samples in the window${others}; ${least} are needed`;
}

async function serverSeconds(runtime: Runtime, instance: string): Promise<number> {
  const call = { method: 'POST', path: '/api/v1/query', form: [['query', 'time()']] } as const;
  const raw = RawInstant.parse((await callPrometheus(runtime, instance, call)).data);
  if (raw.resultType === 'scalar') return raw.result[0];
  throw new AppError('tool_failed', `Prometheus ${instance} does not tell its time.`);
}

interface Span {
  readonly start: number;
  readonly end: number;
}

async function readRange(
  runtime: Runtime,
  input: WindowInput,
  { query, start, end }: Span & { readonly query: string },
) {
  const form: Array<[string, string]> = [
    ['query', query],
    ['start', start.toFixed(3)],
    ['end', end.toFixed(3)],
    ['step', String(stepSeconds(input))],
  ];
  const call = { method: 'POST', path: '/api/v1/query_range', form } as const;
  const { data, warnings } = await callPrometheus(runtime, input.instance, call);
  return { series: RawRange.parse(data).result.map(({ values }) => values), warnings };
}

/**
 * When what is seen at an instant was scraped, in seconds by that instant's text. Known of selectors; for what is
 * computed Prometheus tells the instant itself, and for scalars nothing.
 */
async function scrapeTimes(
  runtime: Runtime,
  input: WindowInput,
  span: Span,
): Promise<ReadonlyMap<string, number>> {
  try {
    const { series } = await readRange(runtime, input, { query: `timestamp(\n${input.query}\n)`, ...span });
    return new Map(
      (series.length === 1 ? (series[0] ?? []) : []).map((raw) => {
        const { at, value } = toPoint(raw);
        return [at, value ?? raw[0]] as const;
      }),
    );
  } catch (error) {
    if (error instanceof AppError && error.code === 'tool_failed' && !error.retryable) return new Map();
    throw error;
  }
}
