import type { JsonValue } from '@carapulse/kernel';

/** The value at an RFC 6901 pointer, or undefined. Only own members count. */
export function pointerValue(document: JsonValue, pointer: string): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, JsonValue>>)[key]; // own member of an object or array
  }
  return value;
}
