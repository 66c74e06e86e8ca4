import { connect, type Socket } from 'node:net';
import { AppError } from '@carapulse/kernel';
import type { Destination } from './egress-destination.ts';

/**
 * Opens a TCP connection to the first address of a checked destination that answers. Names are not resolved here.
 * @throws AppError `unavailable` (retryable) when none answers within `timeoutMs`, `cancelled` on abort.
 */
export async function connectPinned(
  destination: Destination,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  let last: unknown;
  for (const address of destination.addresses) {
    try {
      return await connectOne(address, destination.port, timeoutMs, signal);
    } catch (error) {
      if (signal.aborted) throw new AppError('cancelled', 'The connection was given up.', { cause: error });
      last = error;
    }
  }
  const { host, port } = destination;
  const reason = last instanceof Error ? last.message : 'no address answered';
  throw new AppError('unavailable', `${host}:${port} cannot be reached: ${reason}`, {
    cause: last,
    retryable: true,
    details: { host, port },
  });
}

function connectOne(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const socket = connect({ host, port, noDelay: true });
    const settle = (error: Error | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', settle);
      if (error === null) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(error);
    };
    const abort = (): void => settle(signal.reason as Error);
    const timer = setTimeout(() => settle(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', settle);
    socket.once('connect', () => settle(null));
  });
}
