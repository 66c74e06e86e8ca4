export const STATISTICS = ['mean', 'min', 'max', 'p50', 'p90', 'p95', 'p99'] as const;
export type Statistic = (typeof STATISTICS)[number];

const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

/**
 * A statistic of at least one number. Quantiles are interpolated between the two nearest ranks, as Prometheus'
 * `quantile_over_time` does.
 */
export function statisticOf(statistic: Statistic, values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[Math.min(Math.max(index, 0), sorted.length - 1)] ?? Number.NaN;
  switch (statistic) {
    case 'mean':
      return values.reduce((sum, value) => sum + value / values.length, 0);
    case 'min':
      return at(0);
    case 'max':
      return at(sorted.length - 1);
    default: {
      const rank = QUANTILES[statistic] * (sorted.length - 1);
      const below = Math.floor(rank);
      const part = rank - below;
      return part === 0 ? at(below) : at(below) * (1 - part) + at(below + 1) * part;
    }
  }
}
