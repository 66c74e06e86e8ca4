import { AppError, type JsonObject, type JsonValue } from '@carapulse/kernel';
import type { Binding, ToolCall } from './check.ts';
import { valueAt } from './evaluate-expectation.ts';

const CHARSETS = {
  hex: /^[0-9a-f]*$/,
  name: /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
  // Control characters are what a later program could misread; everything else is plain text.
  text: /^[^\p{Cc}]*$/u,
} as const;

/**
 * The call's input with the values of earlier outputs put where its bindings say.
 * @param outputs what steps gave back, by step id.
 * @throws AppError `verification_failed` when a value is missing or out of its hashed bounds.
 */
export function applyBindings(call: ToolCall, outputs: Readonly<Record<string, JsonValue>>): JsonObject {
  let input: JsonValue = call.input;
  for (const binding of call.bindings) {
    const source = outputs[binding.from_step];
    const value = source === undefined ? undefined : valueAt(source, binding.from_pointer);
    input = withValue(input, binding.pointer.slice(1).split('/').map(unescape), bounded(binding, value));
  }
  return input as JsonObject;
}

function bounded(binding: Binding, value: JsonValue | undefined): JsonValue {
  const { bounds } = binding;
  if (bounds.type === 'string' && typeof value === 'string') {
    if (value.length <= bounds.max_length && CHARSETS[bounds.charset].test(value)) return value;
  } else if (bounds.type === 'integer' && typeof value === 'number') {
    if (Number.isInteger(value) && value >= bounds.min && value <= bounds.max) return value;
  } else if (bounds.type === 'boolean' && typeof value === 'boolean') {
    return value;
  }
  const where = `${binding.from_step}${binding.from_pointer}`;
  throw new AppError(
    'verification_failed',
    `The output ${where} is missing or outside the bounds that were approved.`,
    {
      details: { reason: 'binding_out_of_bounds', from: where, to: binding.pointer },
    },
  );
}

function withValue(target: JsonValue, path: readonly string[], value: JsonValue): JsonValue {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (typeof target !== 'object' || target === null || Array.isArray(target) || head === '__proto__') {
    throw new AppError(
      'verification_failed',
      `A binding points to ${head}, which is no member of an object.`,
    );
  }
  const object = target as JsonObject;
  return { ...object, [head]: rest.length === 0 ? value : withValue(object[head] ?? {}, rest, value) };
}

function unescape(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
