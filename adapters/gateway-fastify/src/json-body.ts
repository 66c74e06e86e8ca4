import { AppError, assertShallow, jsonPointer, toAppError } from '@carapulse/kernel';
import type { FastifyInstance } from 'fastify';

/**
 * Reads bodies of JSON. A key that means an object's prototype is refused by its pointer, since what is dropped silently
 * isn't what was asked for; on `droppedAt` it is dropped: one alert with such a label must not cost the others.
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
        if (!drops) assertNoPrototype(body, []);
        return done(null, body);
      } catch (refusal) {
        return done(toAppError(refusal));
      }
    });
  });
}

function assertNoPrototype(value: unknown, path: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    const here = [...path, key];
    if (key === '__proto__' || (key === 'constructor' && hasPrototype(member))) {
      const pointer = jsonPointer(here);
      throw new AppError(
        'invalid_input',
        `The body is not valid at ${pointer}: no field may have this name`,
        {
          errors: [{ pointer, detail: 'no field may have this name' }],
        },
      );
    }
    assertNoPrototype(member, here);
  }
}

function hasPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}
