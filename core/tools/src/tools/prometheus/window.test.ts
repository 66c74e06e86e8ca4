import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import type { EgressHttp } from '../../egress-http.ts';
import { instanceSession } from '../server-session.testing.ts';
import { prometheus } from './index.ts';
import { lookbackMs } from './lookback.ts';
import { statisticOf, STATISTICS } from './statistic.ts';

const END = 1_800_000_000;

/** What each series has at the instants of the window, seconds before its end; `scraped` likewise for `timestamp`. */
type Series = readonly (readonly [secondsBefore: number, value: string])[];

function prometheusOf(series: readonly Series[], scraped: readonly Series[] | 'refused' = 'refused') {
  const asked: string[] = [];
  const egress: EgressHttp = {
    request: (request) => {
      const form = new URLSearchParams(request.body ?? '');
      const query = form.get('query') ?? '';
      asked.push(query);
      const isOfScrapes = query.startsWith('timestamp(');
      const said = isOfScrapes ? scraped : series;
      const data =
        query === 'time()'
          ? { resultType: 'scalar', result: [END, String(END)] }
          : {
              resultType: 'matrix',
              result: (said === 'refused' ? [] : said).map((points) => ({
                metric: {},
                values: points.map(([before, value]) => [END - before, value]),
              })),
            };
      const refused = isOfScrapes && scraped === 'refused';
      const body = refused
        ? { status: 'error', errorType: 'bad_data', error: 'expected an instant vector' }
        : { status: 'success', data };
      return Promise.resolve({
        status: refused ? 400 : 200,
        headers: {},
        body: JSON.stringify(body),
        truncated: false,
        durationMs: 1,
      });
    },
  };
  const run = async (input: JsonObject = {}) => {
    const whole = { instance: 'main', query: 'errors', window_seconds: 60, statistic: 'mean', ...input };
    const session = instanceSession(prometheus, 'http://prometheus.example', 'window', whole, egress);
    return (await session.run()) as JsonObject;
  };
  return { run, asked };
}

describe('a window of Prometheus', () => {
  test('is one number of one series, with its time and how much it is of', async () => {
    const { run } = prometheusOf([
      [
        [60, '1'],
        [30, '2'],
        [0, '6'],
      ],
    ]);
    expect(await run()).toMatchObject({
      value: 3,
      samples: 3,
      series: 1,
      empty: false,
      because: '',
      sample_age_ms: 60_000,
      to: new Date(END * 1000).toISOString(),
    });
    expect(await run({ statistic: 'max' })).toMatchObject({ value: 6 });
  });

  test('counts what was scraped once as one sample, and is as old as the oldest scrape', async () => {
    const stamp = (before: number) => String(END - before);
    const { run } = prometheusOf(
      [
        [
          [60, '1'],
          [40, '1'],
          [20, '5'],
          [0, '5'],
        ],
      ],
      [
        [
          [60, stamp(75)],
          [40, stamp(75)],
          [20, stamp(30)],
          [0, stamp(30)],
        ],
      ],
    );
    expect(await run()).toMatchObject({ samples: 2, value: 3, sample_age_ms: 75_000 });
    expect(await run({ min_samples: 3 })).not.toHaveProperty('value');
  });

  test.each<[string, readonly Series[], string]>([
    ['nothing', [], 'no series'],
    ['two series', [[[0, '1']], [[0, '2']]], '2 series'],
    ['a number that is divided by no traffic', [[[0, 'NaN']]], '1 that are no numbers'],
    ['infinity', [[[0, '+Inf']]], '0 samples'],
  ])('has no value of %s, says why, and fails where it is required', async (_, series, because) => {
    const { run } = prometheusOf(series);
    const said = await run();
    expect(said).not.toHaveProperty('value');
    expect(said['because']).toContain(because);
    expect(said['empty']).toBe(series.length === 0);
    await expect(run({ required: true })).rejects.toMatchObject({
      code: 'tool_failed',
      details: { reason: 'no_value' },
    });
  });

  test('is older by what its query looks back', async () => {
    const { run } = prometheusOf([[[0, '1']]]);
    expect(await run({ query: 'rate(errors[2m])' })).toMatchObject({ sample_age_ms: 180_000 });
    await expect(async () => run({ query: 'errors offset 5m' })).rejects.toThrow('offset');
  });
});

test.each<[string, number | null]>([
  ['errors', 0],
  ['sum(rate(a[1m])) / sum(rate(b[5m]))', 300_000],
  ['max_over_time(rate(a[1m])[1h30m:10s])', 5_460_000],
  ['a{path="/x[7d] # offset"}[90s]', 90_000],
  ['a[500ms]', 500],
  ['a offset 5m', null],
  ['a @ 1609746000', null],
  ['a # b', null],
  ['a[$__range]', null],
])('%s looks back %s ms', (query, ms) => {
  expect(lookbackMs(query)).toBe(ms);
});

test('quantiles are those of Prometheus', () => {
  const values = [4, 1, 3, 2];
  const all = STATISTICS.map((statistic) => [statistic, statisticOf(statistic, values)]);
  expect(Object.fromEntries(all)).toEqual({
    mean: 2.5,
    min: 1,
    max: 4,
    p50: 2.5,
    p90: expect.closeTo(3.7) as number,
    p95: expect.closeTo(3.85) as number,
    p99: expect.closeTo(3.97) as number,
  });
  expect(statisticOf('p95', [7])).toBe(7);
});
