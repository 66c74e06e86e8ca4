import { displayText } from '@carapulse/plan';

const FIELD = /\{([a-z][a-z0-9_]{0,62})\}/g;
const MAX_SHOWN = 80;

/** Names in braces of a text for people. */
export function displayFields(text: string): readonly string[] {
  return [...text.matchAll(FIELD)].flatMap(([, field]) => field ?? []);
}

/** Fills the names of a text for people, once, with harmless and bounded text. The result never reaches a call. */
export function fillDisplay(
  text: string,
  values: Readonly<Record<string, string | number | boolean>>,
  maxLength: number,
): string {
  const filled = text.replaceAll(FIELD, (whole, field: string) => {
    const value = Object.hasOwn(values, field) ? values[field] : undefined;
    if (value === undefined) return whole;
    const shown = displayText(String(value));
    return shown.length <= MAX_SHOWN ? shown : `${shown.slice(0, MAX_SHOWN - 1).toWellFormed()}…`;
  });
  return filled.length <= maxLength ? filled : `${filled.slice(0, maxLength - 1).toWellFormed()}…`;
}
