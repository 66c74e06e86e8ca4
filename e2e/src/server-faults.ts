import type { PostgresServer } from '@carapulse/store-postgres/testing';
import { openTcpPath, type TcpPath } from '@carapulse/workflows/testing/several';
import { expect } from 'vitest';
import { send } from './api.ts';
import type { Assistant } from './assistant.ts';
import type { Fault } from './fault.ts';
import { until } from './world.ts';

/** What PostgreSQL says when a transaction, or a change that is one by itself, is durable. */
const DURABLE = /C\0\0\0.(?:COMMIT|(?:INSERT 0|UPDATE|DELETE) [1-9]\d*)\0Z\0\0\0\x05I/gs;

/** The way to a PostgreSQL server, on which durable writes are counted as the server acknowledges them. */
export interface WritePath extends TcpPath {
  /** The same database by this way. */
  by(url: string): string;
  /** `strike` runs before the `at`-th acknowledgement from now on goes on; null only counts. */
  arm(at: number | null, strike: () => void): void;
  writes(): number;
  /** Resolves at the strike that is armed. */
  readonly struck: Promise<void>;
}

export async function openWritePath(server: PostgresServer): Promise<WritePath> {
  let writes = 0;
  let armed: { readonly at: number | null; readonly strike: () => void } | null = null;
  let struck = Promise.withResolvers<void>();
  const path = await openTcpPath({ path: server.socket }, (said) => {
    for (const _ of said.toString('latin1').matchAll(DURABLE)) {
      writes += 1;
      if (writes !== armed?.at) continue;
      armed.strike();
      struck.resolve();
    }
  });
  return {
    ...path,
    by: (url) => `postgresql://postgres@127.0.0.1:${path.port}${new URL(url).pathname}`,
    arm: (at, strike) => {
      writes = 0;
      armed = { at, strike };
      struck = Promise.withResolvers();
    },
    writes: () => writes,
    get struck() {
      return struck.promise;
    },
  };
}

/** What `/readyz` says: its status, and which parts aren't ready. */
export async function readiness(
  assistant: Assistant,
): Promise<{ readonly status: number; readonly away: readonly string[] }> {
  const { status, text } = await send(assistant.url, 'GET', '/readyz');
  const { checks } = JSON.parse(text) as { checks: { readonly name: string; readonly ok: boolean }[] };
  return { status, away: checks.filter(({ ok }) => !ok).map(({ name }) => name) };
}

export interface ServerFault {
  readonly wire: WritePath;
  readonly strike: () => void;
  readonly mend: () => Promise<void>;
  /** The part of `/readyz` that says so meanwhile; null where it may not show. */
  readonly part: string | null;
}

/** Something that Carapulse needs and that goes away at one of its durable writes; its process lives on. */
export function serverFault({ wire, strike, mend, part }: ServerFault): Fault {
  let isStruck = false;
  return {
    arm: async (_, at) => {
      isStruck = false;
      wire.arm(at, strike);
      void wire.struck.then(() => {
        isStruck = true;
      });
    },
    writes: async () => wire.writes(),
    strikes: () => wire.struck,
    // What was cut before may cost a request its answer without a strike; it is asked again then.
    struck: async () => {
      if (!isStruck) wire.arm(null, strike);
      return isStruck;
    },
    comeBack: async (assistant) => {
      if (part !== null)
        await until(`${part} to be away`, async () => {
          const { status, away } = await readiness(assistant);
          return status === 503 && away.includes(part) ? away : null;
        });
      await mend();
      await until('everything to be ready', async () =>
        (await readiness(assistant)).status === 200 ? true : null,
      );
      expect(process.kill(assistant.pid, 0)).toBe(true);
      return assistant;
    },
  };
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
