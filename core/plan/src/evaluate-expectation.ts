import { canonicalJson, type JsonValue } from '@carapulse/kernel';
import type { Check, Expectation, RelativeBound } from './check.ts';

/** What steps gave back, by step id. */
export type StepOutputs = Readonly<Record<string, JsonValue>>;

/** `unclear`: the output lacks what the expectation looks at, or has it in another type. */
export type SampleVerdict = 'met' | 'unmet' | 'unclear';

/**
 * Compares a tool's typed output with every expectation. One unclear expectation makes the sample unclear unless
 * another is certainly unmet.
 * @param outputs of the steps that relative bounds take from; a bound that isn't there is unclear.
 */
export function evaluateExpectations(
  expectations: readonly Expectation[],
  output: JsonValue,
  outputs: StepOutputs = {},
): SampleVerdict {
  const verdicts = expectations.map((expectation) =>
    evaluate(expectation, valueAt(output, expectation.pointer), outputs),
  );
  if (verdicts.includes('unmet')) return 'unmet';
  return verdicts.includes('unclear') ? 'unclear' : 'met';
}

/** What of the expectations does not hold of the output, each as a phrase for people. */
export function describeUnmet(
  expectations: readonly Expectation[],
  output: JsonValue,
  outputs: StepOutputs = {},
): readonly string[] {
  return expectations.flatMap((expectation) => {
    const found = valueAt(output, expectation.pointer);
    if (evaluate(expectation, found, outputs) === 'met') return [];
    const { pointer, op, value, relative } = expectation;
    const presence = value === false ? 'none' : 'some';
    const bound = relative === undefined ? short(value) : relativeText(relative, outputs);
    const wanted = op === 'exists' ? presence : `${op} ${bound}`;
    return [`${pointer === '' ? 'the output' : pointer} is ${short(found)}, wanted ${wanted}`];
  });
}

/** The steps whose outputs a check's input or bounds take from, each once. */
export function sourcesOf({ call, expect }: Pick<Check, 'call' | 'expect'>): readonly string[] {
  const inputs = call.bindings.map((binding) => binding.from_step);
  const bounds = expect.flatMap(({ relative }) => (relative === undefined ? [] : [relative.from_step]));
  return [...new Set([...inputs, ...bounds])];
}

function boundOf(
  { from_step: step, from_pointer: pointer, factor, plus }: RelativeBound,
  outputs: StepOutputs,
) {
  const source = Object.hasOwn(outputs, step) ? outputs[step] : undefined;
  const base = source === undefined ? undefined : valueAt(source, pointer);
  if (typeof base !== 'number') return undefined;
  const bound = base * factor + plus;
  return Number.isFinite(bound) ? { base, bound } : undefined;
}

function relativeText(relative: RelativeBound, outputs: StepOutputs): string {
  const { from_step: step, from_pointer: pointer, factor, plus } = relative;
  const found = boundOf(relative, outputs);
  if (found === undefined) return `a bound by ${step}${pointer}, which is no number`;
  return `${found.bound} (${factor} × ${found.base} of ${step} + ${plus})`;
}

function short(value: JsonValue | undefined): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The value at an RFC 6901 pointer, or undefined where there is none. */
export function valueAt(document: JsonValue, pointer: string): JsonValue | undefined {
  if (pointer === '') return document;
  if (!pointer.startsWith('/')) return undefined;
  let value: JsonValue | undefined = document;
  for (const part of pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    if (Array.isArray(value) && !/^\d+$/.test(key)) return undefined;
    value = (value as Readonly<Record<string, JsonValue>>)[key];
  }
  return value;
}

function evaluate(
  { op, value, relative }: Expectation,
  found: JsonValue | undefined,
  outputs: StepOutputs,
): SampleVerdict {
  const wanted = relative === undefined ? value : boundOf(relative, outputs)?.bound;
  if (wanted === undefined) return 'unclear';
  if (op === 'exists') return (found !== undefined) === (wanted !== false) ? 'met' : 'unmet';
  if (found === undefined) return 'unclear';
  switch (op) {
    case 'eq':
    case 'ne': {
      if (typeof found !== typeof wanted) return 'unclear';
      const same = canonicalJson(found) === canonicalJson(wanted);
      return same === (op === 'eq') ? 'met' : 'unmet';
    }
    case 'contains':
      if (typeof found === 'string' && typeof wanted === 'string')
        return found.includes(wanted) ? 'met' : 'unmet';
      if (Array.isArray(found)) {
        return found.some((item) => canonicalJson(item) === canonicalJson(wanted)) ? 'met' : 'unmet';
      }
      return 'unclear';
    default:
      if (typeof found !== 'number' || typeof wanted !== 'number') return 'unclear';
      return COMPARE[op](found, wanted) ? 'met' : 'unmet';
  }
}

const COMPARE: Readonly<Record<'lt' | 'lte' | 'gt' | 'gte', (found: number, wanted: number) => boolean>> = {
  lt: (found, wanted) => found < wanted,
  lte: (found, wanted) => found <= wanted,
  gt: (found, wanted) => found > wanted,
  gte: (found, wanted) => found >= wanted,
};
