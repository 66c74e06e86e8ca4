import { spawnSync } from 'node:child_process';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase } from '@carapulse/store-postgres';
import { installationPaths } from '../installation/installation-paths.ts';
import type { Stage } from './stage.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');

/** What somebody who owns the database might do to the trail, as SQL on a copy. */
const ATTACKS = [
  {
    title: 'one record is edited: the approver becomes somebody else',
    sql: `update audit_events set record = replace(record, 'user:bob', 'user:eve') where action = 'approval.decide'`,
  },
  {
    title: 'the last ten records are cut off',
    sql: `delete from audit_events where seq > (select max(seq) - 10 from audit_events)`,
  },
  {
    title: 'the chain is hashed anew from the fifth record on, without the key',
    sql: `update audit_events set mac = encode(sha256((record || seq::text)::bytea), 'hex') where seq >= 5`,
  },
] as const;

/** Stops the instance, damages copies of its trail in three ways, and lets `carapulse audit verify` name each. */
export async function evaluateTampering({ tell, options, assistant }: Stage): Promise<boolean> {
  tell.chapter('The instance is stopped, and its audit trail is tampered with');
  await assistant.stop();
  let caught = verify(options.directory).ok ? 1 : 0;
  tell.line(`untouched: ${caught === 1 ? 'verifies' : 'does not verify'}`);
  for (const attack of ATTACKS) {
    const copy = `${options.directory}-tampered`;
    await rm(copy, { recursive: true, force: true });
    await cp(options.directory, copy, { recursive: true });
    try {
      await damage(installationPaths(copy).database, attack.sql);
      tell.line('');
      tell.line(attack.title);
      const { ok, said } = verify(copy);
      for (const text of said) tell.line(`  ${text}`);
      if (!ok) caught += 1;
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }
  if (caught === ATTACKS.length + 1) tell.good('Every attack was named.');
  return caught === ATTACKS.length + 1;
}

async function damage(directory: string, sql: string): Promise<void> {
  const database = await openDatabase({ kind: 'pglite', directory });
  try {
    await database.pool.query('alter table audit_events disable trigger all');
    await database.pool.query(sql);
  } finally {
    await database.close();
  }
}

function verify(directory: string): { readonly ok: boolean; readonly said: readonly string[] } {
  const done = spawnSync(
    process.execPath,
    [...process.execArgv, MAIN, 'audit', 'verify', '--directory', directory],
    {
      encoding: 'utf8',
      timeout: 20_000,
    },
  );
  return { ok: done.status === 0, said: `${done.stdout}${done.stderr}`.trim().split('\n').slice(0, 6) };
}
