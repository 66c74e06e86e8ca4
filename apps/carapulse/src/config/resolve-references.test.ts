import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveReferences } from './resolve-references.ts';

test('references anywhere in a section become their secrets, and nothing else changes', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'references-'));
  try {
    await writeFile(join(directory, 'token'), 'hunter2-hunter2\n');
    const reference = `file:${join(directory, 'token')}`;
    const { section, secrets } = await resolveReferences({
      a: { list: [reference, 'environment', 3, null] },
      url: 'https://x',
    });
    expect(section).toEqual({ a: { list: ['hunter2-hunter2', 'environment', 3, null] }, url: 'https://x' });
    expect(secrets).toEqual(['hunter2-hunter2']);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('what is not there or not supported is refused by its name', async () => {
  await expect(resolveReferences({ a: 'env:CARAPULSE_NO_SUCH_VARIABLE' })).rejects.toMatchObject({
    code: 'invalid_input',
    message: /CARAPULSE_NO_SUCH_VARIABLE/,
  });
  await expect(resolveReferences({ a: 'file:/nowhere/at/all' })).rejects.toMatchObject({
    code: 'invalid_input',
  });
  await expect(resolveReferences({ a: 'vault:kv/x' })).rejects.toMatchObject({ code: 'not_supported' });
});
