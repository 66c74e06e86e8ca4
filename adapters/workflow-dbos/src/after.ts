/** Calls back after so long, unless what it gives is called before. */
export function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, Math.min(ms, 2_147_483_647));
  return () => clearTimeout(timer);
}
