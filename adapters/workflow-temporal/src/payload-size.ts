/** Temporal ends a run that hands it more than 2 MiB at once; what sealing adds has room above this. */
export const MOST_BYTES = 2_000_000;

/** How many bytes a value takes on its way. */
export function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

/** Says that something is too large, or null. */
export function tooLarge(what: string, value: unknown): string | null {
  const bytes = bytesOf(value);
  return bytes <= MOST_BYTES ? null : `${what} has ${bytes} bytes; Temporal takes at most ${MOST_BYTES}.`;
}
