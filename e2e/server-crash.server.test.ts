import { setTimeout as after } from 'node:timers/promises';
import {
  skipWithoutPostgres,
  startPostgresServer,
  type PostgresServer,
} from '@carapulse/store-postgres/testing';
import { openTcpPath, type TcpPath } from '@carapulse/workflows/testing/several';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Assistant } from './src/assistant.ts';
import { sample, strikeEverywhere } from './src/kill-trial.ts';
import { openWritePath, seededRandom, serverFault, type WritePath } from './src/server-faults.ts';
import { missingForTemporal, ownTemporal, type OwnTemporal } from './src/temporal/own-temporal.ts';
import { openWorld, type World } from './src/world.ts';

const withoutTemporal = await missingForTemporal();
const LIMIT = { timeout: 900_000 };
const KILLS = 6;
const CUTS = 8;
const HURT_MS = 6000;
const SLOW_MS = 40;
/** Short, since runs of the embedded engine stand still until it has ended. */
const LEASE_MS = 4000;
/** Given again, it makes the same cuts again. */
const SEED = Number(process.env['CARAPULSE_CUTS_SEED'] ?? Date.now() % 2 ** 31);

/** One process over servers that die under it; it lives through all of the tests. */
function suite(engine: 'embedded' | 'temporal', temporalOf: () => OwnTemporal | null): void {
  let temporal: OwnTemporal | null = null;
  let way: TcpPath | null = null;
  let world: World;
  let server: PostgresServer;
  let wire: WritePath;
  let assistant: Assistant;

  beforeAll(async () => {
    temporal = temporalOf();
    world = await openWorld();
    server = await startPostgresServer();
    wire = await openWritePath(server);
    if (temporal !== null)
      way = await openTcpPath({ host: '127.0.0.1', port: Number(temporal.address.split(':')[1]) });
    const orchestrator = {
      ...(world.config['orchestrator'] as object),
      engine,
      run_lease_ms: LEASE_MS,
      ...(way !== null && { temporal: { address: `127.0.0.1:${way.port}` } }),
    };
    const storage = { database_url: wire.by(await server.createDatabase()) };
    assistant = await world.start({ orchestrator, storage });
  });
  afterAll(async () => {
    await world.close();
    await way?.close();
    await wire.close();
    await server.stop();
  });

  test('PostgreSQL is killed at durable writes of a run', LIMIT, async () => {
    assistant = await strikeEverywhere(world, assistant, {
      name: `PostgreSQL killed under ${engine}`,
      fault: serverFault({
        wire,
        part: 'database',
        strike: () => {
          wire.cut();
          server.kill();
        },
        mend: async () => {
          await server.revive();
          wire.mend();
        },
      }),
      positions: (writes) => sample(writes, KILLS),
    });
  });

  test.skipIf(engine === 'embedded')('Temporal is killed at durable writes of a run', LIMIT, async () => {
    let gone = Promise.resolve();
    assistant = await strikeEverywhere(world, assistant, {
      name: 'Temporal killed',
      fault: serverFault({
        wire,
        part: 'durable engine',
        strike: () => {
          way?.cut();
          gone = temporal?.kill() ?? gone;
        },
        mend: async () => {
          await gone;
          await temporal?.revive();
          way?.mend();
        },
      }),
      positions: (writes) => sample(writes, KILLS),
    });
  });

  test('the ways to its servers are cut, slowed and frozen at random', LIMIT, async () => {
    const random = seededRandom(SEED);
    let hurt: TcpPath = wire;
    let forMs = 0;
    assistant = await strikeEverywhere(world, assistant, {
      name: `Ways hurt under ${engine}, CARAPULSE_CUTS_SEED=${SEED}`,
      fault: serverFault({
        wire,
        part: null,
        strike: () => {
          hurt = random() < 0.5 ? wire : (way ?? wire);
          forMs = Math.round(random() * HURT_MS);
          const kind = random();
          if (kind < 0.4) hurt.cut();
          else if (kind < 0.7) hurt.freeze();
          else hurt.slow(1 + Math.round(random() * SLOW_MS));
        },
        mend: async () => {
          await after(forMs);
          // A connection that is frozen is given up sooner or later, by an end or by a machine between.
          if (random() < 0.5) hurt.cut();
          hurt.mend();
        },
      }),
      positions: (writes) => Array.from({ length: CUTS }, () => 1 + Math.floor(random() * writes)),
    });
  });
}

describe.skipIf(skipWithoutPostgres())('runs kept in PostgreSQL, whose servers die', () => {
  let temporal: OwnTemporal | null = null;
  // Before the first world gives up root's rights, whose the built server is.
  beforeAll(async () => {
    if (withoutTemporal.length === 0) temporal = await ownTemporal();
  });
  afterAll(() => temporal?.stop());

  describe('embedded', () => {
    suite('embedded', () => null);
  });
  describe.skipIf(withoutTemporal.length > 0)(
    'on Temporal (needs `npm run testbed -- build temporal`)',
    () => {
      suite('temporal', () => temporal);
    },
  );
});
