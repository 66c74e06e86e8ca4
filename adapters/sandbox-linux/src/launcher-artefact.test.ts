import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ARTEFACTS_DIR, LauncherArtefact } from './launcher-artefact.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'artefact-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

it('extracts an executable that only its owner can reach', async () => {
  const artefact = await LauncherArtefact.open(join(dir, 'cache'));
  expect(statSync(join(dir, 'cache')).mode & 0o777).toBe(0o700);
  expect(statSync(artefact.path).mode & 0o777).toBe(0o700);
  expect(readFileSync(artefact.path).subarray(0, 4).toString('latin1')).toBe('\u007fELF');
});

it('replaces a file that was altered, before it is used again', async () => {
  const artefact = await LauncherArtefact.open(dir);
  const good = readFileSync(artefact.path);
  writeFileSync(artefact.path, '#!/bin/sh\necho owned\n');
  await artefact.verify();
  expect(readFileSync(artefact.path).equals(good)).toBe(true);
  rmSync(artefact.path);
  await artefact.verify();
  expect(readFileSync(artefact.path).equals(good)).toBe(true);
  writeFileSync(artefact.path, '#!/bin/sh\necho owned\n');
  await LauncherArtefact.open(dir);
  expect(readFileSync(artefact.path).equals(good)).toBe(true);
});

it('refuses an artefact that is not what its manifest names', async () => {
  const artefacts = join(dir, 'artefacts');
  mkdirSync(artefacts);
  cpSync(ARTEFACTS_DIR, artefacts, { recursive: true, filter: (path) => !path.endsWith('.wasm.br') });
  for (const architecture of ['amd64', 'arm64']) {
    const path = join(artefacts, `launcher-linux-${architecture}.br`);
    chmodSync(path, 0o600);
    const bytes = readFileSync(path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }
  await expect(LauncherArtefact.open(join(dir, 'cache'), artefacts)).rejects.toMatchObject({
    code: 'sandbox_unavailable',
  });
});
