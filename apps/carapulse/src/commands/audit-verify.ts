import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  createChainKey,
  describeChainReport,
  verifyChain,
  type AuditRow,
  type ChainReport,
} from '@carapulse/audit';
import { AppError } from '@carapulse/kernel';
import { createCheckpointFile } from '@carapulse/objects-fs';
import { createStore, openDatabase } from '@carapulse/store-postgres';
import { loadConfig } from '../config/load-config.ts';
import { resolveSecret } from '../config/resolve-secret.ts';
import { installationPaths } from '../installation/installation-paths.ts';
import { readSecretFile } from '../installation/secret-file.ts';
import { signingKey } from '../installation/signing-keys.ts';

const PAGE = 1000;

export interface AuditVerifyOptions {
  readonly directory: string;
  readonly config?: string;
}

/**
 * Proves the trail of a stopped installation from its database, keys and checkpoints. Neither migrates nor makes
 * anything. @returns 0, or 7 when the trail is not what was written.
 * @throws AppError `not_found` when there is no installation, `conflict` when it runs.
 */
export async function auditVerify(options: AuditVerifyOptions, signal: AbortSignal): Promise<number> {
  const config = await loadConfig(options.config);
  const directory = resolve(process.env['CARAPULSE_INVOKED_FROM'] ?? '.', options.directory);
  const paths = installationPaths(directory);
  const keyPath = join(paths.keys, 'audit-chain.key');
  const [secret, pem] = [
    await readSecretFile(keyPath),
    await readSecretFile(join(paths.keys, 'checkpoint.pem')),
  ];
  if (secret === null || pem === null)
    throw new AppError(
      'not_found',
      `${paths.keys} does not hold the keys of an audit trail; check --directory (where \`carapulse up\` keeps its data).`,
    );
  const { database_url: url } = config.storage;
  if (url === undefined && !existsSync(paths.database))
    throw new AppError(
      'not_found',
      `There is no database in ${paths.database}; give --config for a server's.`,
    );
  const checkpointKey = signingKey(pem);
  const checkpoints = await createCheckpointFile(paths.checkpoints).list(signal);
  const database = await openDatabase(
    url === undefined
      ? { kind: 'pglite', directory: paths.database }
      : { kind: 'postgres', url: await resolveSecret(url) },
  );
  try {
    const { read } = await createStore(database);
    const report = await verifyChain({
      records: allRecords((after) => read.audit(null, after, PAGE)),
      checkpoints,
      key: createChainKey(`carapulse/${config.context.tenant_id}`, Buffer.from(secret.trim(), 'base64')),
      publicKey: { keyId: checkpointKey.keyId, pem: checkpointKey.publicKeyPem },
      signal,
    });
    process.stdout.write(`${describe(report, keyPath, paths.checkpoints).join('\n')}\n`);
    return report.ok ? 0 : 7;
  } finally {
    await database.close();
  }
}

async function* allRecords(page: (after: number) => Promise<readonly AuditRow[]>): AsyncGenerator<AuditRow> {
  for (let after = 0; ;) {
    const rows = await page(after);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.seq;
  }
}

function describe(report: ChainReport, keyPath: string, checkpointsPath: string): readonly string[] {
  return [
    ...describeChainReport(report),
    `key: ${keyPath} (whoever has it can write records that pass)`,
    `checkpoints: ${checkpointsPath} (a copy elsewhere protects from the owner of this machine)`,
  ];
}
