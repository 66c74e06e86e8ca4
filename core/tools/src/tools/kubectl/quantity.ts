import { AppError } from '@carapulse/kernel';

const SUFFIXES: Readonly<Record<string, bigint>> = {
  Ki: 1024n,
  Mi: 1024n ** 2n,
  Gi: 1024n ** 3n,
  Ti: 1024n ** 4n,
  Pi: 1024n ** 5n,
  Ei: 1024n ** 6n,
  '': 1n,
  k: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
  P: 1000n ** 5n,
  E: 1000n ** 6n,
};
const SMALL: Readonly<Record<string, bigint>> = { n: 1_000_000_000n, u: 1_000_000n, m: 1000n };
const NANO = 1_000_000_000n;

/**
 * A quantity of the API (`500m`, `1.5Gi`, `2e3`) in thousandths, rounded up as the API server does.
 * @throws AppError `tool_failed` for what is none.
 */
export function milliOf(text: string): bigint {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  const [, sign = '', whole = '', fraction = '', exponent = '', suffix = ''] = parts ?? [];
  if (parts === null || whole + fraction === '') {
    throw new AppError('tool_failed', `${JSON.stringify(text)} is no quantity.`, {
      details: { class: 'permanent', reason: 'answer_unparsable' },
    });
  }
  // In nanos, so that every suffix is exact.
  let nano =
    (BigInt(whole || '0') * NANO + BigInt(fraction.slice(0, 9).padEnd(9, '0'))) * (SUFFIXES[suffix] ?? 1n);
  const small = SMALL[suffix];
  if (small !== undefined) nano = ceil(nano, small);
  const power = exponent === '' ? 0 : Number(exponent.slice(1));
  nano = power >= 0 ? nano * 10n ** BigInt(power) : ceil(nano, 10n ** BigInt(-power));
  const milli = ceil(nano, 1_000_000n);
  return sign === '-' ? -milli : milli;
}

/** Thousandths as a quantity: whole where it is, else with `m`. */
export function quantityOf(milli: bigint): string {
  return milli % 1000n === 0n ? String(milli / 1000n) : `${milli}m`;
}

function ceil(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}
