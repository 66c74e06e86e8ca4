import { isDeepStrictEqual } from 'node:util';
import { toAppError, type AppErrorCode } from '@carapulse/kernel';
import type { Harness } from './harness.ts';

/** How a call was refused. */
export interface Refusal {
  readonly code: AppErrorCode;
  readonly reason: unknown;
  /** Actions that it left in the audit trail. */
  readonly audited: readonly string[];
}

/**
 * Makes a call and says how it was refused.
 * @throws Error when it was not, or when it left rows, events, signals, a closed plan or another halt behind.
 */
export async function refusalOf(harness: Harness, call: () => Promise<unknown>): Promise<Refusal> {
  const { rows: before, audit } = stateOf(harness);
  const failure = await call().then(
    () => null,
    (error: unknown) => toAppError(error),
  );
  if (failure === null) throw new Error('The call was not refused.');
  const after = stateOf(harness);
  for (const [name, value] of Object.entries(after.rows)) {
    if (!isDeepStrictEqual(value, before[name])) throw new Error(`The refused call changed ${name}.`);
  }
  const { code, details } = failure;
  return {
    code,
    reason: details['reason'],
    audited: after.audit.slice(audit.length).map(({ action }) => action),
  };
}

function stateOf({ store, services, signals, started, closed }: Harness) {
  const { audit, ...tables } = store.snapshot();
  const rows: Readonly<Record<string, unknown>> = {
    ...tables,
    halts: services.halt.list(),
    signals: [...signals],
    started: [...started],
    closed: [...closed],
  };
  return { rows, audit };
}
