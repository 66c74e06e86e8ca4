import { expect, test } from 'vitest';
import { settleAll } from './settle-all.ts';

test('gives all results in order', async () => {
  expect(await settleAll([Promise.resolve(1), Promise.resolve('two')])).toEqual([1, 'two']);
});

test('a failure is told only when nothing runs any more', async () => {
  const slow = Promise.withResolvers<void>();
  const told: string[] = [];
  const all = settleAll([Promise.reject(new Error('broken')), slow.promise]).catch((error: unknown) => {
    told.push(String(error));
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([]);
  slow.resolve();
  await all;
  expect(told).toEqual(['Error: broken']);
});
