import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BAD_CHANGE, HISTORY, SERVICE_CONFIG_PATH } from './configuration.ts';
import { loadServiceConfig } from './service-config.ts';

let release: string;
beforeEach(async () => {
  release = await mkdtemp(join(tmpdir(), 'service config '));
  await mkdir(join(release, dirname(SERVICE_CONFIG_PATH)), { recursive: true });
});
afterEach(() => rm(release, { recursive: true }));

const good = HISTORY.map(({ files }) => files[SERVICE_CONFIG_PATH]).findLast((text) => text !== undefined);
const load = async (text: string | undefined) => {
  await writeFile(join(release, SERVICE_CONFIG_PATH), text ?? '');
  return loadServiceConfig(release);
};

test('reads what main holds when the production starts', async () => {
  expect(await load(good)).toEqual({
    currency: 'EUR',
    maxItems: 50,
    inventoryPath: '/stock',
    inventoryTimeoutMs: 600,
  });
});

test('the bad commit passes every check and only asks for too little time', async () => {
  const bad = await load(BAD_CHANGE.files[SERVICE_CONFIG_PATH]);
  expect(bad).toEqual({ ...(await load(good)), inventoryTimeoutMs: 20 });
});

test.each([
  ['"timeout_ms": 600', '"timeout_ms": 0', 'upstreams.inventory.timeout_ms must be a whole number'],
  ['"timeout_ms": 600', '"timeout_ms": "600"', 'upstreams.inventory.timeout_ms must be a whole number'],
  ['"timeout_ms": 600', '"timeout_s": 600', 'upstreams.inventory.timeout_s is unknown'],
  ['"currency": "EUR"', '"currency": "euro"', 'currency must match'],
  ['"currency": "EUR",', '', 'currency is missing'],
  ['"gift_wrap": false', '"gift_wrap": "no"', 'features.gift_wrap must be true or false'],
  ['"service": "checkout"', '"service": "cart"', 'service must be "checkout"'],
  ['{', '[', 'JSON'],
])('refuses %s as %s, and says where', async (before, after, message) => {
  expect(good).toContain(before);
  await expect(load(good?.replace(before, after))).rejects.toThrow(`${SERVICE_CONFIG_PATH}: `);
  await expect(load(good?.replace(before, after))).rejects.toThrow(message);
});
