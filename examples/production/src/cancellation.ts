import { AppError } from '@carapulse/kernel';

/** @throws AppError `cancelled` when the signal is aborted; `what` begins the message. */
export function throwIfCancelled(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new AppError('cancelled', `${what} was cancelled`, { cause: signal.reason });
}
