/**
 * Owner: one listening client and the subscriptions on it. Boundary: LISTEN and NOTIFY.
 *
 * 1. A subscription outlives the connection: after a loss it is made again, and its callback runs once, since
 *    anything may have been missed.
 * 2. Notifications are hints; tables are the truth.
 */
import type { Logger } from '@carapulse/kernel';
import type pg from 'pg';

const RETRY_MS = [100, 250, 500, 1000, 2000, 5000] as const;
const CHANNEL = /^[a-z_][a-z0-9_]{0,62}$/;

export type NotificationCallback = (payload: string) => void;

export class Notifications {
  readonly #pool: Pick<pg.Pool, 'connect'>;
  readonly #logger: Logger;
  readonly #subscriptions = new Map<string, Set<NotificationCallback>>();
  #client: Promise<pg.PoolClient> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #failures = 0;
  #closed = false;

  constructor(pool: Pick<pg.Pool, 'connect'>, logger: Logger) {
    this.#pool = pool;
    this.#logger = logger;
  }

  /** Returns once the subscription is in force; call the result to end it. */
  async listen(channel: string, callback: NotificationCallback): Promise<() => void> {
    if (!CHANNEL.test(channel)) throw new TypeError(`${channel} is not a channel name`);
    const callbacks = this.#subscriptions.get(channel) ?? new Set();
    const isNew = !this.#subscriptions.has(channel);
    this.#subscriptions.set(channel, callbacks);
    callbacks.add(callback);
    const connected = this.#client !== null;
    const client = await this.#connect();
    if (connected && isNew) await client.query(`LISTEN ${channel}`);
    return () => callbacks.delete(callback);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#subscriptions.clear();
    const client = await this.#client?.catch(() => null);
    this.#client = null;
    client?.removeAllListeners('error');
    client?.on('error', () => {});
    client?.release(true);
  }

  async #connect(): Promise<pg.PoolClient> {
    this.#client ??= this.#open();
    try {
      return await this.#client;
    } catch (error) {
      this.#client = null;
      throw error;
    }
  }

  async #open(): Promise<pg.PoolClient> {
    const client = await this.#pool.connect();
    client.on('notification', (message) => this.#dispatch(message.channel, message.payload ?? ''));
    client.once('error', (error) => this.#lost(client, error));
    try {
      for (const channel of this.#subscriptions.keys()) await client.query(`LISTEN ${channel}`);
    } catch (error) {
      client.release(true);
      throw error;
    }
    this.#failures = 0;
    return client;
  }

  #lost(client: pg.PoolClient, error: Error): void {
    client.removeAllListeners('notification');
    client.on('error', () => {});
    client.release(true);
    this.#client = null;
    if (this.#closed) return;
    this.#logger.warn('lost the notification connection, listening again', { error: error.message });
    this.#schedule();
  }

  #schedule(): void {
    const delay = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 5000;
    this.#failures += 1;
    this.#retry = setTimeout(() => {
      this.#connect().then(
        () => {
          for (const channel of this.#subscriptions.keys()) this.#dispatch(channel, '');
        },
        (error: unknown) => {
          this.#logger.warn('cannot listen for notifications yet', { error: String(error) });
          if (!this.#closed) this.#schedule();
        },
      );
    }, delay);
  }

  #dispatch(channel: string, payload: string): void {
    for (const callback of this.#subscriptions.get(channel) ?? []) {
      try {
        callback(payload);
      } catch (error) {
        this.#logger.error('a notification callback failed', { channel, error: String(error) });
      }
    }
  }
}
