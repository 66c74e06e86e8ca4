import { AppError, assertShallow, jsonPointer, toAppError } from '@carapulse/kernel';
import type { FastifyInstance } from 'fastify';

/**
 * Reads bodies of JSON. A key that means an object's prototype, and a number that became infinite, are refused by their
 * pointers: what is dropped silently isn't what was asked for. On `droppedAt` such a key is dropped, since one alert with
 * such a label must not cost the others.
 */
export function readJsonBodies(app: FastifyInstance, droppedAt: string): void {
  const dropping = app.getDefaultJsonParser('remove', 'remove');
  const keeping = app.getDefaultJsonParser('ignore', 'ignore');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, text, done) => {
    const drops = request.routeOptions.url === droppedAt;
    return (drops ? dropping : keeping)(request, text, (error, body) => {
      if (error !== null) return done(error);
      try {
        assertShallow(body);
        if (!drops) assertKept(body, []);
        return done(null, body);
      } catch (thrown) {
        return done(toAppError(thrown));
      }
    });
  });
}

function assertKept(value: unknown, path: readonly string[]): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw refusal(path, 'the number is too large');
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__' || (key === 'constructor' && hasPrototype(member)))
      throw refusal([...path, key], 'no field may have this name');
    assertKept(member, [...path, key]);
  }
}

function refusal(path: readonly string[], detail: string): AppError {
  const pointer = jsonPointer(path);
  return new AppError('invalid_input', `The body is not valid at ${pointer}: ${detail}`, {
    errors: [{ pointer, detail }],
  });
}

function hasPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}
