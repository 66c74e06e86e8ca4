/** The only source of time in core. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump; never use a difference of two readings as a duration. */
  nowMs(): number;
  /** Milliseconds on a clock that never goes backwards, for durations. */
  monotonicMs(): number;
}

/** The only source of randomness in core. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** RFC 3339 UTC with milliseconds, e.g. `2026-11-21T10:00:00.000Z`. */
export function toTimestamp(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
