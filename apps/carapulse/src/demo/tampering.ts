import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  appendAudit,
  AuditRecord,
  createChainKey,
  EMPTY_CHAIN,
  toAuditRow,
  type ChainHead,
} from '@carapulse/audit';
import { openDatabase } from '@carapulse/store-postgres';
import { installationPaths } from '../installation/installation-paths.ts';
import type { Stage } from './stage.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');

type Query = (sql: string, values?: unknown[]) => Promise<{ readonly rows: readonly unknown[] }>;

/** What somebody who owns the database, but not the key, might do to the trail of a copy. */
const ATTACKS: ReadonlyArray<{ readonly title: string; readonly run: (query: Query) => Promise<unknown> }> = [
  {
    title: 'one record is edited: the approver becomes somebody else',
    run: (query) =>
      query(
        `update audit_events set record = replace(record, 'user:bob', 'user:eve') where action = 'approval.decide'`,
      ),
  },
  {
    title: 'the last ten records are cut off',
    run: (query) => query('delete from audit_events where seq > (select max(seq) - 10 from audit_events)'),
  },
  { title: 'every record is chained anew, under a key that is not ours', run: chainAnew },
];

async function chainAnew(query: Query): Promise<void> {
  const { rows } = await query('select record from audit_events order by seq');
  const key = createChainKey('carapulse/default', randomBytes(32));
  let head: ChainHead = EMPTY_CHAIN;
  for (const row of rows) {
    const {
      seq: _seq,
      key_id: _keyId,
      prev_mac: _prev,
      mac: _mac,
      ...entry
    } = AuditRecord.parse(JSON.parse((row as { record: string }).record));
    const next = appendAudit(head, entry, key);
    head = next.head;
    await query('update audit_events set record = $1, mac = $2 where seq = $3', [
      toAuditRow(next.record).record,
      next.record.mac,
      next.record.seq,
    ]);
  }
}

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
      await damage(installationPaths(copy).database, attack.run);
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

async function damage(directory: string, attack: (query: Query) => Promise<unknown>): Promise<void> {
  const database = await openDatabase({ kind: 'pglite', directory });
  try {
    await database.pool.query('alter table audit_events disable trigger all');
    await attack((sql, values) => database.pool.query(sql, values));
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
