import {
  skipWithoutPostgres,
  startPostgresServer,
  type PostgresServer,
} from '@carapulse/store-postgres/testing';
import { openTcpPath, type TcpPath } from '@carapulse/workflows/testing/several';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Assistant } from './src/assistant.ts';
import { sample, strikeEverywhere } from './src/kill-trial.ts';
import { openWritePath, serverFault, type WritePath } from './src/server-faults.ts';
import { missingForTemporal, ownTemporal, type OwnTemporal } from './src/temporal/own-temporal.ts';
import { openWorld, type World } from './src/world.ts';

const withoutTemporal = await missingForTemporal();
const LIMIT = { timeout: 900_000 };
const KILLS = 6;

describe.skipIf(skipWithoutPostgres()).each(['embedded', 'temporal'] as const)(
  'runs on %s, kept in PostgreSQL',
  (engine) => {
    describe.skipIf(engine === 'temporal' && withoutTemporal.length > 0)('whose servers die', () => {
      let temporal: OwnTemporal | null = null;
      let way: TcpPath | null = null;
      let world: World;
      let server: PostgresServer;
      let wire: WritePath;
      let assistant: Assistant;

      beforeAll(async () => {
        temporal = engine === 'temporal' ? await ownTemporal() : null;
        world = await openWorld();
        server = await startPostgresServer();
        wire = await openWritePath(server);
        const orchestrator: Record<string, unknown> = { ...(world.config['orchestrator'] as object), engine };
        if (temporal !== null) {
          way = await openTcpPath({ host: '127.0.0.1', port: Number(temporal.address.split(':')[1]) });
          orchestrator['temporal'] = { address: `127.0.0.1:${way.port}` };
        }
        const storage = { database_url: wire.by(await server.createDatabase()) };
        assistant = await world.start({ orchestrator, storage });
      });
      afterAll(async () => {
        await world.close();
        await way?.close();
        await wire.close();
        await server.stop();
        await temporal?.stop();
      });

      test('PostgreSQL is killed at durable writes of a run', LIMIT, async () => {
        const fault = serverFault({
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
        });
        assistant = await strikeEverywhere(world, assistant, {
          name: `PostgreSQL under ${engine}`,
          fault,
          positions: (writes) => sample(writes, KILLS),
        });
      });
    });
  },
);
