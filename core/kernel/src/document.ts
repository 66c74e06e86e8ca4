import type { z } from 'zod';
import type { JsonValue } from './json.ts';

/** A place in a text; both count from 1, columns in UTF-16 code units. */
export interface DocumentPosition {
  readonly line: number;
  readonly column: number;
}

/** A document that people wrote, and where its parts stand. */
export interface ParsedDocument<T> {
  readonly value: T;
  /**
   * Where the JSON pointer's value begins, or its key. What isn't there is located at the nearest part around it that
   * is. Never throws.
   */
  readonly locate: (pointer: string, part?: 'key' | 'value') => DocumentPosition;
}

/**
 * Reads documents that people write (playbooks, the configuration). Strict: one document, no key twice, nothing that
 * JSON can't carry, bounded size and expansion.
 */
export interface DocumentParser {
  /** @throws AppError `invalid_input` naming every fault as `file:line:column: what is wrong`. */
  parse(text: string, fileName: string): ParsedDocument<JsonValue>;
  /** Also checks the schema, and suggests what an unknown word may have meant. @throws as `parse` does. */
  parseAs<T>(schema: z.ZodType<T>, text: string, fileName: string): ParsedDocument<T>;
}
