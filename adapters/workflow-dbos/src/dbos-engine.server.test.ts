import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOST_AT_MOST } from '@carapulse/workflows';
import { durableEngineConformance } from '@carapulse/workflows/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresServer } from './testing/postgres-server.ts';
import { findPostgres, startPostgres } from './testing/postgres-server.ts';
import { workbench } from './testing/workbench.ts';

/** Short, since each process that the suite kills is missed only when its lease has ended. */
const LEASE_MS = 1000;
const bin = await findPostgres();

describe.skipIf(bin === null)(`with PostgreSQL${bin === null ? ', which is not installed here' : ''}`, () => {
  let server: PostgresServer | null = null;
  let logs = '';

  beforeAll(async () => {
    logs = await mkdtemp(join(tmpdir(), 'durable-log-'));
    if (bin !== null) server = await startPostgres(bin);
  });

  afterAll(async () => {
    await server?.stop();
    await rm(logs, { recursive: true, force: true });
  });

  const bench = workbench(
    async () => {
      if (server === null) throw new Error('The PostgreSQL server did not start.');
      return server.database();
    },
    (place) => join(logs, place.slice(place.lastIndexOf('/') + 1)),
    LEASE_MS,
  );
  durableEngineConformance('DBOS over PostgreSQL', bench);

  it('what is lost beside an activity that kills its process is told from it, and goes on', async () => {
    const place = await bench.place();
    const input = ['poison', 'innocent'].map((key) => ({ key, after: [] }));
    for (let generation = 1; generation <= LOST_AT_MOST + 1; generation += 1) {
      const kill = { kind: 'activity', key: 'poison' } as const;
      await bench.child(place, { generation, run: 'r', input: { work: input }, kill });
    }
    const ended = (await bench.lines(place)).find((line) => line.includes(' ended '));
    expect(ended).toContain('activity poison/1 outcome_unknown unknown');
    expect(ended).toContain('activity innocent/1 ok');
  }, 120_000);
});
