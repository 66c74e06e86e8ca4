/**
 * Owner: one engine. Boundary: one session that listens. What comes here only saves a poll: none is relied on, and a
 * session that is lost is made again at the next one.
 */
import type { Pool, PoolClient } from 'pg';

export const HINTS_CHANNEL = 'durable_hints';
/** Before the id of a run that has mail. */
export const SIGNAL_HINT = 'signal ';
/** Runs were given up; whoever can may take them. */
export const FREE_HINT = 'free';

export interface HintListener {
  readonly onSignal: (runId: string) => void;
  readonly onFree: () => void;
}

export class Hints {
  readonly #pool: Pool;
  readonly #listener: HintListener;
  #client: PoolClient | null = null;
  #closed = false;

  constructor(pool: Pool, listener: HintListener) {
    this.#pool = pool;
    this.#listener = listener;
  }

  /** Listens, unless it does. @throws what the pool throws. */
  async listen(): Promise<void> {
    if (this.#client !== null || this.#closed) return;
    const client = await this.#pool.connect();
    const lose = (): void => {
      if (this.#client !== client) return;
      this.#client = null;
      client.release(true);
    };
    client.on('error', lose);
    client.on('notification', ({ payload = '' }) => {
      if (payload === FREE_HINT) this.#listener.onFree();
      if (payload.startsWith(SIGNAL_HINT)) this.#listener.onSignal(payload.slice(SIGNAL_HINT.length));
    });
    this.#client = client;
    try {
      await client.query(`LISTEN ${HINTS_CHANNEL}`);
    } catch (error) {
      lose();
      throw error;
    }
    if (this.#closed) lose();
  }

  close(): void {
    this.#closed = true;
    const client = this.#client;
    this.#client = null;
    client?.release(true);
  }
}
