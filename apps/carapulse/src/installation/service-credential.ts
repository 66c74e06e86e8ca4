import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '@carapulse/configuration';
import { resolveSecret } from '../config/resolve-secret.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

/**
 * What callers of the installation's tool router carry: the configured secret, or the installation's own, made on first
 * use. Whoever can read the installation's keys can call the router; without an envelope they can't make it write.
 */
export async function toolRouterCredential(config: Config, keys: string): Promise<string> {
  const { token } = config.tool_router;
  if (token !== undefined) return resolveSecret(token);
  const path = join(keys, 'tool-router.token');
  const stored = await readSecretFile(path);
  if (stored !== null) return stored.trim();
  const made = randomBytes(32).toString('base64url');
  await writeSecretFile(path, `${made}\n`);
  return made;
}
