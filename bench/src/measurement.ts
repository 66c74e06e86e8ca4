/** One number of ours beside the same of the peer. `ratio` is ours over peer unless the aim says otherwise. */
export interface Measurement {
  readonly metric: string;
  readonly ours: number;
  /** Null where nothing comparable exists. */
  readonly peer: number | null;
  readonly ratio: number | null;
  readonly unit: string;
  /** Clauses that `judgeAim` reads, or empty. */
  readonly aim: string;
}

/** What each `*.bench.ts` exports as `bench`. `run` throws AppError `unavailable` when its peer is missing. */
export interface Bench {
  readonly name: string;
  readonly peer: string;
  /** How many times the runner repeats it; 3 unless told. */
  readonly rounds?: number;
  run(): Promise<readonly Measurement[]>;
}

/** A measurement whose ratio is ours over peer. */
export function compared(metric: string, ours: number, peer: number, unit: string, aim: string): Measurement {
  return { metric, ours, peer, ratio: ours / peer, unit, aim };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `share` (0 to 1) of the values lie, by nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The same metrics measured several times: medians of ours and peer, and of the ratios of the pairs. */
export function mergeRounds(rounds: ReadonlyArray<readonly Measurement[]>): readonly Measurement[] {
  const metrics = [...new Set(rounds.flatMap((round) => round.map((each) => each.metric)))];
  return metrics.flatMap((metric) => {
    const seen = rounds.flatMap((round) => round.filter((each) => each.metric === metric));
    const [first] = seen;
    if (first === undefined) return [];
    return [
      {
        ...first,
        ours: median(seen.map((each) => each.ours)),
        peer: medianOrNull(seen.map((each) => each.peer)),
        ratio: medianOrNull(seen.map((each) => each.ratio)),
      },
    ];
  });
}

function medianOrNull(values: ReadonlyArray<number | null>): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : median(numbers);
}
