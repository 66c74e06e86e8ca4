import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CompiledPolicy } from './compiled-policy.ts';
import { runGuest } from './run-guest.ts';

const { signal } = new AbortController();
const QUERY = 'data.calendar.answer';

const source = `package calendar

# As text: the host reads numbers as doubles.
answer := {"ns": $"{ns}", "weekday": weekday, "clock": clock, "date": date, "order": order, "gap": gap}

default ns := "undefined"
ns := time.parse_rfc3339_ns(input.text)

default weekday := "undefined"
weekday := time.weekday(input.ns)

default clock := "undefined"
clock := time.clock(input.ns)

default date := "undefined"
date := time.date(input.ns)

default order := "undefined"
order := time.parse_rfc3339_ns(input.text) < input.ns

default gap := "undefined"
gap := $"{(input.ns - time.parse_rfc3339_ns(input.text)) * 1000}"
`;

const digits = (length: number, max: number) =>
  fc.integer({ min: 0, max }).map((each) => String(each).padStart(length, '0'));
const timestamp = fc
  .tuple(
    fc.oneof(digits(4, 9999), fc.constantFrom('1677', '1678', '2262', '2024', '1970')),
    digits(2, 13),
    digits(2, 32),
    fc.constantFrom('T', 'T', 'T', 't', ' '),
    digits(2, 24),
    digits(2, 60),
    digits(2, 60),
    fc.constantFrom('', '.0', '.5', '.123456789', ',25', '.1234567891', '.'),
    fc.constantFrom('Z', 'Z', 'z', '+00:00', '+01:30', '-23:59', '+24:00', '-00:60', '+0100', ''),
  )
  .map(
    ([year, month, day, t, hour, minute, second, fraction, zone]) =>
      `${year}-${month}-${day}${t}${hour}:${minute}:${second}${fraction}${zone}`,
  );
const likely = fc
  .date({ min: new Date('1700-01-01T00:00:00Z'), max: new Date('2250-01-01T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString());
const nanos = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 1_700_000_000_000_000_000n, max: 1_900_000_000_000_000_000n }),
);

/** A JSON number of all its digits. TypeScript's library does not know `JSON.rawJSON` yet. */
const rawNumber = (value: bigint) =>
  (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON(String(value));

describe('CompiledPolicy', () => {
  let compiled: CompiledPolicy;

  beforeAll(async () => {
    const answer = await runGuest(
      { op: 'compile', modules: [{ path: 'calendar.rego', source }], data: {}, query: QUERY },
      signal,
    );
    const module = await WebAssembly.compile(Buffer.from(answer.wasm ?? '', 'base64'));
    compiled = new CompiledPolicy(module, {}, 64 * 1024 * 1024);
  });

  test("computes dates as OPA's interpreter does, whatever the text", async () => {
    const texts = fc.sample(fc.oneof(timestamp, likely), { numRuns: 1500, seed: 7 });
    const instants = fc.sample(nanos, { numRuns: 1500, seed: 7 });
    const inputs = texts.map((text, index) => ({ text, ns: rawNumber(instants[index] ?? 0n) }));
    const answer = await runGuest(
      { op: 'eval', modules: [{ path: 'calendar.rego', source }], data: {}, query: QUERY, inputs },
      signal,
    );
    const interpreted = (answer.results ?? []).map(({ value }) => value);
    const outcomes = inputs.map((input) => compiled.evaluate(JSON.stringify(input)));
    expect(outcomes).toEqual(interpreted);
    const defined = outcomes.filter((each) => (each as { ns: unknown }).ns !== 'undefined').length;
    expect(defined).toBeGreaterThan(300);
    expect(outcomes.length - defined).toBeGreaterThan(300);
  });

  test('an input larger than the memory it started with is read, and one beyond the limit traps', () => {
    const padded = (length: number) => JSON.stringify({ text: 'x'.repeat(length), ns: 0 });
    expect(compiled.evaluate(padded(4_000_000))).toMatchObject({ ns: 'undefined', weekday: 'Thursday' });
    expect(() => compiled.evaluate(padded(80_000_000))).toThrow(/grow|memory/);
  });

  test('a module that is not a policy is refused', async () => {
    const empty = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    expect(() => new CompiledPolicy(empty, {}, 64 * 1024 * 1024)).toThrow('ABI');
  });
});
