import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrustedKey } from '@carapulse/approval';
import type { LocalIssuer } from '@carapulse/identity-jwt';
import { AppError, parseInput, Role } from '@carapulse/kernel';
import { z } from 'zod';
import { readSecretFile, writeSecretFile } from './secret-file.ts';
import { signingKey } from './signing-keys.ts';
import { generateKeyPairSync } from 'node:crypto';

/** A person or machine of this machine. People have a key of their own, with which they sign approvals. */
export const LocalIdentity = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/),
  kind: z.enum(['human', 'service']),
  roles: z.array(Role),
  groups: z.array(z.string().min(1).max(200)),
  private_key: z.string(),
});
export type LocalIdentity = z.infer<typeof LocalIdentity>;

/** How long a token of a local identity lives; the file is renewed at half of it. */
export const TOKEN_TTL_MS = 15 * 60_000;

const file = (directory: string, name: string) => join(directory, `${name}.json`);
const tokenFile = (directory: string, name: string) => join(directory, `${name}.token`);

/** Actor id of a local identity. */
export function actorId(identity: Pick<LocalIdentity, 'name' | 'kind'>): string {
  return `${identity.kind === 'human' ? 'user' : 'service'}:${identity.name}`;
}

/** Reads an identity, or makes it with these roles on first use. An existing one keeps what its file says. */
export async function ensureIdentity(
  directory: string,
  wanted: Omit<LocalIdentity, 'private_key'>,
): Promise<LocalIdentity> {
  const stored = await readSecretFile(file(directory, wanted.name));
  if (stored !== null) return parse(stored, file(directory, wanted.name));
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const identity = LocalIdentity.parse({ ...wanted, private_key: pem });
  await writeSecretFile(file(directory, wanted.name), `${JSON.stringify(identity, null, 2)}\n`);
  return identity;
}

/** All identities of the installation, by name. */
export async function listIdentities(directory: string): Promise<readonly LocalIdentity[]> {
  const names = (await readdir(directory).catch(() => []))
    .filter((name) => name.endsWith('.json'))
    .toSorted();
  const identities: LocalIdentity[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const stored = await readSecretFile(path);
    if (stored !== null) identities.push(parse(stored, path));
  }
  return identities;
}

/** Mints each identity's token afresh into its file. */
export async function writeTokens(
  directory: string,
  identities: readonly LocalIdentity[],
  issuer: LocalIssuer,
): Promise<void> {
  for (const identity of identities) {
    const subject = { sub: actorId(identity), roles: identity.roles, groups: identity.groups };
    await writeSecretFile(tokenFile(directory, identity.name), await issuer.mint(subject, TOKEN_TTL_MS));
  }
}

/** The public half of a person's key with who holds it, for the trust file. */
export function trustedPerson(identity: LocalIdentity, tenantId: string): TrustedKey {
  const key = signingKey(identity.private_key);
  return {
    key_id: key.keyId,
    public_key: key.publicKeyPem,
    purpose: 'person',
    actor: {
      id: actorId(identity),
      kind: 'human',
      tenant_id: tenantId,
      roles: identity.roles,
      groups: identity.groups,
      assurance: 'local',
    },
    revoked_at: null,
  };
}

function parse(text: string, path: string): LocalIdentity {
  try {
    return parseInput(LocalIdentity, JSON.parse(text), path);
  } catch (error) {
    throw new AppError(
      'unavailable',
      `The identity file ${path} cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
