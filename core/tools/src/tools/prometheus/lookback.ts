const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const TEXTS = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g;
const RANGE = /\[\s*([^\]:]*?)\s*(:[^\]]*)?\]/g;
const DURATION = /^(?:\d+(?:ms|[smhdwy]))+$/;

/**
 * How far into the past PromQL looks at most from the instant at which it is evaluated, in milliseconds: the longest
 * range of a selector, and that of each subquery around it. Null where it isn't told so (`offset`, `@`, a comment, a
 * range that is no plain duration). prometheus.io, "Querying basics".
 */
export function lookbackMs(query: string): number | null {
  const bare = query.replaceAll(TEXTS, '""');
  if (/[@#]|\boffset\b/i.test(bare)) return null;
  let [longest, nested] = [0, 0];
  for (const [, duration = '', resolution] of bare.matchAll(RANGE)) {
    const ms = durationMs(duration);
    if (ms === null) return null;
    if (resolution === undefined) longest = Math.max(longest, ms);
    else nested += ms;
  }
  return longest + nested;
}

function durationMs(text: string): number | null {
  if (!DURATION.test(text)) return null;
  return [...text.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce(
    (sum, [, count = '', unit = '']) => sum + Number(count) * (UNITS_MS[unit] ?? 0),
    0,
  );
}
