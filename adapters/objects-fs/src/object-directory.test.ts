import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createObjectDirectory } from './object-directory.ts';

describe('createObjectDirectory', () => {
  let root = '';
  const signal = new AbortController().signal;
  const bytes = (text: string) => new TextEncoder().encode(text);
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'objects '));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  test('keeps what was put, with its checksum, and leaves no part behind', async () => {
    const store = createObjectDirectory(root);
    const { sha256 } = await store.put('evidence/ex_1/a.json', bytes('{}'), signal);
    expect(sha256).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(Buffer.from(await store.get('evidence/ex_1/a.json', signal)).toString()).toBe('{}');
    expect(await readdir(join(root, 'evidence/ex_1'))).toEqual(['a.json']);
  });

  test('the same bytes again are fine, other bytes never replace them', async () => {
    const store = createObjectDirectory(root);
    await store.put('evidence/ex_2/a.json', bytes('one'), signal);
    await store.put('evidence/ex_2/a.json', bytes('one'), signal);
    await expect(store.put('evidence/ex_2/a.json', bytes('two'), signal)).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(Buffer.from(await store.get('evidence/ex_2/a.json', signal)).toString()).toBe('one');
  });

  test.each(['../outside', '/etc/passwd', 'a/../../b', '', 'a//b', '.hidden', 'a\nb'])(
    'refuses the key %j',
    async (key) => {
      const store = createObjectDirectory(root);
      await expect(store.put(key, bytes('x'), signal)).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(store.get(key, signal)).rejects.toMatchObject({ code: 'invalid_input' });
    },
  );

  test('what is not there is not found', async () => {
    await expect(createObjectDirectory(root).get('nothing', signal)).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
