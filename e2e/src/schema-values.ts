import fc, { type Arbitrary } from 'fast-check';
import type { Schema } from './api.ts';

const ID_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Values that a JSON Schema of our document allows: the kinds of schema that it uses, others give any JSON. */
export function valueOf(schema: Schema): Arbitrary<unknown> {
  const { type, enum: values, const: only, anyOf, oneOf, pattern, properties } = schema;
  if (only !== undefined) return fc.constant(only);
  if (Array.isArray(values)) return fc.constantFrom(...(values as unknown[]));
  const choices = (anyOf ?? oneOf) as readonly Schema[] | undefined;
  if (choices !== undefined) return fc.oneof(...choices.map(valueOf));
  switch (type) {
    case 'string':
      return typeof pattern === 'string' ? matching(pattern) : text(schema);
    case 'integer':
    case 'number':
      return fc.integer({ min: number(schema['minimum'], -1000), max: number(schema['maximum'], 1000) });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valueOf((schema['items'] ?? {}) as Schema), { maxLength: 3 });
    case 'object':
      return properties === undefined
        ? fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 })
        : record(schema);
    default:
      return fc.jsonValue();
  }
}

function record(schema: Schema): Arbitrary<unknown> {
  const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, Schema>>);
  return fc.record(Object.fromEntries(properties.map(([name, each]) => [name, valueOf(each)])), {
    requiredKeys: (schema['required'] ?? []) as string[],
  });
}

function text(schema: Schema): Arbitrary<string> {
  const minLength = number(schema['minLength'], 0);
  return fc.string({
    unit: 'binary',
    minLength,
    maxLength: Math.max(minLength, Math.min(number(schema['maxLength'], 60), 60)),
  });
}

/** Our own patterns: prefixed ids and hashes; of others the text may not match, which must be refused well too. */
function matching(pattern: string): Arbitrary<string> {
  const id = /^\^([a-z]+_)\[/.exec(pattern);
  if (id !== null)
    return fc
      .array(fc.constantFrom(...ID_ALPHABET), { minLength: 26, maxLength: 26 })
      .map((letters) => `${id[1]}${letters.join('')}`);
  if (pattern.startsWith('^sha256:'))
    return fc
      .array(fc.constantFrom(...'0123456789abcdef'), { minLength: 64, maxLength: 64 })
      .map((letters) => `sha256:${letters.join('')}`);
  return fc.string();
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) < 1e9
    ? value
    : otherwise;
}
