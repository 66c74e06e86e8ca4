/** How long ago, or until, an instant is, in one unit: `12s`, `5m`, `3h`, `2d`; `in 5m` for the future. */
export function age(instant: string | null, nowMs: number): string {
  if (instant === null) return '-';
  const ms = nowMs - Date.parse(instant);
  const text = span(Math.abs(ms));
  return ms < -999 ? `in ${text}` : text;
}

/** A length of time in one unit. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
