/**
 * Owner: the only session of an embedded database. Boundary: what callers expect of a `pg.Pool`.
 *
 * 1. At most one client holds the session; others wait in order.
 * 2. A client handed out never finds a transaction that another one left open.
 * 3. A client whose first statement is LISTEN gives the session back and goes on receiving notifications, so that
 *    a listener which never releases does not stop everybody else.
 * 4. After the engine has panicked (a write or a sync failed) every call fails at once: the engine would not answer.
 */
import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { AppError } from '@carapulse/kernel';
import type { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import {
  Client,
  type ClientConfig,
  type CustomTypesConfig,
  type Notification,
  type QueryConfig,
  type QueryResult,
} from 'pg';

const LISTEN = /^\s*listen\s+"?([a-z0-9_]+)"?\s*;?\s*$/i;

export interface SessionPoolOptions {
  readonly types: CustomTypesConfig;
  /** How long a client waits for the session before the call fails, in milliseconds. */
  readonly checkoutTimeoutMs: number;
}

interface Waiter {
  readonly resolve: (client: SessionClient) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class SessionPool extends EventEmitter {
  readonly options: { readonly max: 1 } = { max: 1 };
  readonly #pglite: PGlite;
  readonly #client: Client;
  readonly #checkoutTimeoutMs: number;
  readonly #listeners = new Set<SessionClient>();
  readonly #waiting: Waiter[] = [];
  // Notifications arrive inside whatever query is running; its caller's async context is not the listener's.
  readonly #context = new AsyncResource('SessionPool');
  #holder: SessionClient | null = null;
  #panic: Error | null = null;
  #ended = false;

  private constructor(pglite: PGlite, options: SessionPoolOptions) {
    super();
    this.#pglite = pglite;
    this.#checkoutTimeoutMs = options.checkoutTimeoutMs;
    this.#client = new Client({
      connection: createPgConfig(pglite).connection,
      types: options.types,
    } as ClientConfig);
    this.#client.on('notification', (message) => this.#notify(message));
    this.#client.on('error', (error) => this.emit('error', error));
  }

  static async open(pglite: PGlite, options: SessionPoolOptions): Promise<SessionPool> {
    const pool = new SessionPool(pglite, options);
    await pool.#client.connect();
    return pool;
  }

  /** Why the engine stopped for good, or null. */
  get panic(): Error | null {
    return this.#panic;
  }

  get totalCount(): number {
    return 1;
  }
  get idleCount(): number {
    return this.#holder === null ? 1 : 0;
  }
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** @throws AppError `unavailable` when the pool has ended or the session stayed busy for too long. */
  async connect(): Promise<SessionClient> {
    if (this.#ended) throw new AppError('unavailable', 'The embedded database is closed.');
    this.#refusePanicked();
    if (this.#holder === null) return this.#handOut();
    const { promise, resolve, reject } = Promise.withResolvers<SessionClient>();
    const timer = setTimeout(() => {
      const index = this.#waiting.findIndex((waiter) => waiter.timer === timer);
      if (index !== -1) this.#waiting.splice(index, 1);
      reject(
        new AppError(
          'unavailable',
          `The embedded database was busy for ${this.#checkoutTimeoutMs} ms: another transaction holds its only session.`,
          { retryable: true },
        ),
      );
    }, this.#checkoutTimeoutMs);
    this.#waiting.push({ resolve, reject, timer });
    return promise;
  }

  async query(text: string | QueryConfig, values?: unknown[]): Promise<QueryResult> {
    const client = await this.connect();
    try {
      return await client.query(text, values);
    } finally {
      client.release();
    }
  }

  /** Waits for the holder, refuses who is still waiting, and ends the session. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiter of this.#waiting.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.reject(new AppError('unavailable', 'The embedded database is closing.'));
    }
    if (this.#holder !== null) await new Promise<void>((resolve) => this.once('idle', () => resolve()));
    this.#listeners.clear();
    if (this.#panic === null) await this.#client.end();
  }

  #refusePanicked(): void {
    if (this.#panic === null) return;
    throw new AppError(
      'unavailable',
      `The embedded database stopped: ${this.#panic.message}. Free or repair the disk, then start again; what was acknowledged is kept.`,
      { cause: this.#panic },
    );
  }

  async #run(text: string | QueryConfig, values?: unknown[]): Promise<QueryResult> {
    this.#refusePanicked();
    try {
      return values === undefined ? await this.#client.query(text) : await this.#client.query(text, values);
    } catch (error) {
      const { severity } = error as { severity?: string };
      if (severity === 'PANIC' || severity === 'FATAL') this.#panic ??= error as Error;
      throw error;
    }
  }

  #handOut(): SessionClient {
    const client = new SessionClient({
      run: (text, values) => this.#run(text, values),
      release: () => this.#release(client),
      listen: () => {
        this.#listeners.add(client);
        this.#release(client);
      },
      forget: () => this.#listeners.delete(client),
      query: (text, values) => this.query(text, values),
    });
    this.#holder = client;
    return client;
  }

  #release(client: SessionClient): void {
    if (this.#holder !== client) return;
    if (this.#panic === null && this.#pglite.isInTransaction()) {
      const next = (): void => this.#next();
      this.#client.query('ROLLBACK').then(next, next);
      return;
    }
    this.#next();
  }

  #next(): void {
    this.#holder = null;
    const waiter = this.#waiting.shift();
    if (waiter === undefined) {
      this.emit('idle');
      return;
    }
    clearTimeout(waiter.timer);
    waiter.resolve(this.#handOut());
  }

  #notify(message: Notification): void {
    this.#context.runInAsyncScope(() => {
      for (const client of this.#listeners) client.receive(message);
    });
  }
}

interface SessionHooks {
  readonly run: (text: string | QueryConfig, values?: unknown[]) => Promise<QueryResult>;
  readonly release: () => void;
  readonly listen: () => void;
  readonly forget: () => void;
  readonly query: (text: string | QueryConfig, values?: unknown[]) => Promise<QueryResult>;
}

/** What a caller holds of the session: the part of a `pg.PoolClient` that is used. */
export class SessionClient extends EventEmitter {
  readonly #hooks: SessionHooks;
  readonly #channels = new Set<string>();
  #state: 'fresh' | 'used' | 'listening' | 'released' = 'fresh';

  constructor(hooks: SessionHooks) {
    super();
    this.#hooks = hooks;
  }

  async query(text: string | QueryConfig, values?: unknown[]): Promise<QueryResult> {
    const channel = LISTEN.exec(typeof text === 'string' ? text : text.text)?.[1]?.toLowerCase();
    if (this.#state === 'released') {
      throw new AppError('internal', 'A database client was used after its release.');
    }
    if (this.#state === 'listening') {
      const result = await this.#hooks.query(text, values);
      if (channel !== undefined) this.#channels.add(channel);
      return result;
    }
    const first = this.#state === 'fresh';
    this.#state = 'used';
    const result = await this.#hooks.run(text, values);
    if (channel !== undefined) {
      this.#channels.add(channel);
      if (first) {
        this.#state = 'listening';
        this.#hooks.listen();
      }
    }
    return result;
  }

  receive(message: Notification): void {
    if (this.#channels.has(message.channel)) this.emit('notification', message);
  }

  /** The argument that makes a pool drop the connection means nothing here: there is one session. */
  release(_destroy?: boolean | Error): void {
    const state = this.#state;
    if (state === 'released') return;
    this.#state = 'released';
    if (state === 'listening') this.#hooks.forget();
    else this.#hooks.release();
  }
}
