import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

test("every part of Temporal's SDK uses one copy of protobufjs; with two, its messages don't fit each other", () => {
  const here = createRequire(import.meta.url);
  const worker = createRequire(here.resolve('@temporalio/worker'));
  const copies = ['@temporalio/client', '@temporalio/common', '@temporalio/proto', '@temporalio/worker'].map(
    (name) => createRequire(worker.resolve(name)).resolve('protobufjs'),
  );
  expect(new Set(copies).size).toBe(1);
});
