import { AppError } from '@carapulse/kernel';
import { openDatabase } from '@carapulse/store-postgres';
import { findPostgresBin, startPostgresServer } from '@carapulse/store-postgres/testing';
import { measureDbosSteps } from './dbos-steps.ts';
import type { Measurement } from './measurement.ts';

export const bench = {
  name: 'durable step on PostgreSQL',
  peer: 'a bare DBOS step, and a raw synced insert, on the same server',
  async run(): Promise<readonly Measurement[]> {
    if (findPostgresBin() === null) throw new AppError('unavailable', 'PostgreSQL is not installed.');
    const server = await startPostgresServer();
    try {
      return await measureDbosSteps(
        await openDatabase({ kind: 'postgres', url: await server.createDatabase() }),
      );
    } finally {
      await server.stop();
    }
  },
};
