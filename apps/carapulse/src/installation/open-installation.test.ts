import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Config } from '@carapulse/configuration';
import { SYSTEM_CLOCK } from '../services/clock.ts';
import { installationPaths } from './installation-paths.ts';
import { openInstallation } from './open-installation.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-installation-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = () => openInstallation(root, Config.parse({}), SYSTEM_CLOCK);

test('opens again with the keys it made, which nobody else can read', async () => {
  const first = await open();
  expect((await open()).auditKey.keyId).toBe(first.auditKey.keyId);
  expect(statSync(join(first.paths.keys, 'audit-chain.key')).mode & 0o077).toBe(0);
});

test.each(['audit-chain.key', 'checkpoint.pem'])(
  'a lost %s is not replaced while checkpoints vouch for the trail under it',
  async (name) => {
    const { paths } = await open();
    rmSync(join(paths.keys, name));
    writeFileSync(paths.checkpoints, '');
    await expect(open()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`${name} is missing`),
    });
    expect(existsSync(join(paths.keys, name))).toBe(false);
  },
);

test('a lost trust file is not made anew, which would trust again whom somebody revoked', async () => {
  const { paths } = await open();
  rmSync(paths.trust);
  await open();
  rmSync(paths.trust);
  writeFileSync(paths.checkpoints, '');
  await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('trust.json is missing') });
  writeFileSync(paths.trust, '{"keys":[]}', { mode: 0o600 });
  await open();
});

test.each(['audit-chain.key', 'checkpoint.pem', 'gateway.pem', 'orchestrator.pem', 'issuer.pem'])(
  'a damaged %s is named',
  async (name) => {
    truncateSync(join((await open()).paths.keys, name), 7);
    await expect(open()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`${name} is damaged`),
    });
  },
);

test('a trust file that others can write trusts nobody, at start and while it runs', async () => {
  const { trust, orchestratorKey } = await open();
  expect(trust.key(orchestratorKey.keyId)).not.toBeNull();
  chmodSync(installationPaths(root).trust, 0o666);
  expect(() => trust.key(orchestratorKey.keyId)).toThrow('Others can write');
  expect(trust.key(orchestratorKey.keyId)).toBeNull();
  await expect(open()).rejects.toMatchObject({ code: 'forbidden' });
});

test.each(['.', 'made'])(
  'a directory %s is closed to others, but that commands of root, which run as somebody else, pass through it',
  async (name) => {
    chmodSync(root, 0o700);
    const directory = join(root, name);
    const umask = process.umask(0o077);
    try {
      await openInstallation(directory, Config.parse({}), SYSTEM_CLOCK);
    } finally {
      process.umask(umask);
    }
    expect(statSync(directory).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o711 : 0o700);
  },
);
