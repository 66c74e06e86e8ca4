import type { Logger } from '@carapulse/kernel';

/** What a service has opened, in order. */
export interface Closers {
  add(close: () => unknown): void;
  /** Closes the last first; one that fails is told and the rest closed all the same. Idempotent. */
  readonly close: () => Promise<void>;
}

/** Builds a service; whatever was opened is closed again when a later part fails. @throws what the part threw. */
export async function openOrClose<Opened>(
  logger: Pick<Logger, 'error'>,
  open: (closers: Closers) => Promise<Opened>,
): Promise<Opened> {
  const closers = createClosers(logger);
  try {
    return await open(closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

function createClosers(logger: Pick<Logger, 'error'>): Closers {
  const open: Array<() => unknown> = [];
  let closed: Promise<void> | null = null;
  const closeAll = async (): Promise<void> => {
    for (const close of open.toReversed()) {
      try {
        await close();
      } catch (error) {
        logger.error('closing failed', { cause: String(error) });
      }
    }
  };
  return {
    add: (close) => void open.push(close),
    close: () => (closed ??= closeAll()),
  };
}
