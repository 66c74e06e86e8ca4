import { accessSync, constants, existsSync } from 'node:fs';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { createChainKey, type ChainKey } from '@carapulse/audit';
import type { TrustStore } from '@carapulse/approval';
import { createLocalIssuer, type LocalIssuer } from '@carapulse/identity-jwt';
import { AppError, type Clock } from '@carapulse/kernel';
import type { Config } from '@carapulse/configuration';
import { installationMark } from './installation-mark.ts';
import { installationPaths, type InstallationPaths } from './installation-paths.ts';
import { ensureIdentity, listIdentities, trustedPerson, type LocalIdentity } from './local-identities.ts';
import { loadAuditKey, loadSigningKey, type SigningKey } from './signing-keys.ts';
import { addTrustedKeys, openTrustFile } from './trust-file.ts';

export const LOCAL_AUDIENCE = 'carapulse';

/** The keys, identities and trust of one installation, all outside the database. */
export interface Installation {
  readonly paths: InstallationPaths;
  /** Only processes on this very directory have it in common. */
  readonly mark: string;
  readonly auditKey: ChainKey;
  readonly checkpointKey: SigningKey;
  readonly orchestratorKey: SigningKey;
  readonly gatewayKey: SigningKey;
  readonly issuer: LocalIssuer;
  readonly identities: readonly LocalIdentity[];
  readonly trust: TrustStore;
  /** What must never leave the process, for the redactor. */
  readonly secrets: readonly string[];
}

/**
 * Opens the directory of an installation; makes what is missing on first use, with modes that keep others out.
 * @throws AppError `unavailable` when the directory can't be written, saying which and what to do.
 */
export async function openInstallation(root: string, config: Config, clock: Clock): Promise<Installation> {
  const paths = installationPaths(root);
  await makeInstallationRoot(root);
  const tenantId = config.context.tenant_id;
  assertNothingLost(paths);
  const orchestratorKey = await loadSigningKey(paths.keys, 'orchestrator');
  const gatewayKey = await loadSigningKey(paths.keys, 'gateway');
  const issuerKey = await loadSigningKey(paths.keys, 'issuer');
  const checkpointKey = await loadSigningKey(paths.keys, 'checkpoint');
  const auditKey = createChainKey(`carapulse/${tenantId}`, await loadAuditKey(paths.keys));
  for (const wanted of config.auth.local_identities ?? defaultIdentities())
    await ensureIdentity(paths.identities, wanted);
  const identities = await listIdentities(paths.identities);
  await addTrustedKeys(paths.trust, [
    {
      key_id: orchestratorKey.keyId,
      public_key: orchestratorKey.publicKeyPem,
      purpose: 'orchestrator',
      actor: null,
      revoked_at: null,
    },
    {
      key_id: gatewayKey.keyId,
      public_key: gatewayKey.publicKeyPem,
      purpose: 'gateway',
      actor: null,
      revoked_at: null,
    },
    ...identities.filter((each) => each.kind === 'human').map((each) => trustedPerson(each, tenantId)),
  ]);
  const keyIds = [auditKey.keyId, ...[checkpointKey, orchestratorKey, gatewayKey].map((each) => each.keyId)];
  return {
    paths,
    mark: await installationMark(paths.id, keyIds),
    auditKey,
    checkpointKey,
    orchestratorKey,
    gatewayKey,
    issuer: await createLocalIssuer({
      privateKeyPem: issuerKey.privateKeyPem,
      issuer: `urn:carapulse:local:${issuerKey.keyId}`,
      audience: LOCAL_AUDIENCE,
      clock,
    }),
    identities,
    trust: openTrustFile(paths.trust),
    secrets: [
      auditKey.secret.export().toString('base64'),
      ...identities.map((each) => pemBody(each.private_key)),
      ...[orchestratorKey, gatewayKey, issuerKey, checkpointKey].map((each) => pemBody(each.privateKeyPem)),
    ],
  };
}

/**
 * New keys in the place of lost ones would make the trail so far look forged, and leave what follows unproved. A trust
 * file made anew would trust again whom somebody has revoked.
 */
function assertNothingLost({ keys, trust, checkpoints }: InstallationPaths): void {
  if (!existsSync(checkpoints)) return;
  if (!existsSync(trust)) {
    throw new AppError(
      'unavailable',
      `${trust} is missing, which says whom this installation trusts and whose keys were revoked. Put it back from a copy; or, to trust all of ${keys} and the identities anew, write {"keys":[]} into it with mode 600.`,
    );
  }
  const lost = ['audit-chain.key', 'checkpoint.pem'].find((name) => !existsSync(join(keys, name)));
  if (lost === undefined) return;
  throw new AppError(
    'unavailable',
    `The key ${join(keys, lost)} is missing, and the audit trail that ${checkpoints} vouches for was written under it. Put it back from a copy, or start a new installation with --directory.`,
  );
}

/** Whoever runs it is its admin; alerts come from a machine identity. */
function defaultIdentities(): readonly Omit<LocalIdentity, 'private_key'>[] {
  const name =
    userInfo()
      .username.toLowerCase()
      .replaceAll(/[^a-z0-9._-]/g, '-')
      .replace(/^[^a-z]+/, '') || 'admin';
  return [
    { name, kind: 'human', roles: ['admin'], groups: ['admins'] },
    { name: 'alertmanager', kind: 'service', roles: ['operator'], groups: [] },
  ];
}

/** Makes the directory of an installation when there is none. @throws AppError `unavailable` saying what to do. */
export async function makeInstallationRoot(root: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    // Root's commands run as somebody else, who must be able to reach their scratch directories; the keys stay closed.
    if (process.getuid?.() === 0) await chmod(root, (await stat(root)).mode | 0o111);
    accessSync(root, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new AppError(
      'unavailable',
      `Cannot write to ${root}: ${(error as Error).message}. Choose another place with --directory, or make ${dirname(root)} writable.`,
      {
        cause: error,
      },
    );
  }
}

/** The key itself, without the lines around it that every key has. */
function pemBody(pem: string): string {
  return pem.replaceAll(/-----[^-]+-----|\s/g, '');
}
