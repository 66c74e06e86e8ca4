import type { JsonObject, JsonValue } from '@carapulse/kernel';

/** Reads of foreign JSON that never throw: what is not there, or is of another type, is null. */
export function asObject(value: JsonValue | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

export function asArray(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

export function asText(value: JsonValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

export function asNumber(value: JsonValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}

export function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue; // JSON.parse yields nothing else
  } catch {
    return undefined;
  }
}

/** Milliseconds since the epoch of an RFC 3339 text, or null. */
export function asInstant(value: JsonValue | undefined): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** A full commit id, lower case, or null: nothing else may become a revision. */
export function asRevision(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value) ? value : null;
}

/** Text body of an HTTP answer as the `http` tool gives it; null unless it succeeded. */
export function httpBody(data: JsonValue): string | null {
  const answer = asObject(data);
  const status = asNumber(answer?.['status']);
  if (answer === null || status === null || status < 200 || status > 299) return null;
  return asText(answer['body']);
}

/** JSON body of an HTTP answer, or undefined. */
export function httpJson(data: JsonValue): JsonValue | undefined {
  const body = httpBody(data);
  return body === null ? undefined : parseJson(body);
}
