import type { Session } from './session.ts';

/**
 * A plan is made of reads of others' systems, which may take minutes: a first fetch, a busy cluster. Just less than the
 * five minutes that `fetch` itself waits for an answer.
 */
const PLANNING_MS = 290_000;
const TELL_AFTER_MS = 10_000;

/** Calls what makes a plan with the time that this may take, and tells a person who waits what for. */
export async function whilePlanning<T>(
  { out, signal, options: { timeoutMs = PLANNING_MS } }: Pick<Session, 'out' | 'signal' | 'options'>,
  call: (limits: { readonly signal: AbortSignal; readonly timeoutMs: number }) => Promise<T>,
  tellAfterMs = TELL_AFTER_MS,
): Promise<T> {
  const note = 'Still reading what the plan is made from. Ctrl-C gives up.';
  const timer = setTimeout(() => out.note(note), tellAfterMs);
  try {
    return await call({ signal, timeoutMs });
  } finally {
    clearTimeout(timer);
  }
}
