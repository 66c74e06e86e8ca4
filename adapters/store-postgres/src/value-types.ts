import { AppError } from '@carapulse/kernel';
import { type CustomTypesConfig, types } from 'pg';

const INT8 = 20;
const TIMESTAMPTZ = 1184;

/**
 * How values come back, the same from both databases: int8 as a number, timestamptz as RFC 3339 UTC with
 * milliseconds. Everything else as node-postgres has it.
 */
export const VALUE_TYPES: CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8) return parseInt8;
    if (oid === TIMESTAMPTZ) return parseTimestamp;
    return defaultParser(oid, format);
  },
};

// Its declaration lists the well-known type ids only; any number is looked up.
const defaultParser = types.getTypeParser as (oid: number, format?: string) => (text: string) => unknown;

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new AppError(
      'internal',
      `The database returned the integer ${text}, which a number cannot hold exactly.`,
    );
  }
  return value;
}

function parseTimestamp(text: string): string {
  return new Date(text).toISOString();
}
