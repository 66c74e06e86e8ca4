import { expect, test } from 'vitest';
import { invoke } from '../operation.ts';
import { clearHalt, setHalt } from '../halt/set-halt.ts';
import { createHarness } from '../testing/index.ts';
import { createHaltRecorder } from './record-halts.ts';

const { signal } = new AbortController();

function setUp() {
  const harness = createHarness();
  const { halt } = harness.services;
  const pass = (afterMs = 5000) => {
    harness.nowMs += afterMs;
    return createHaltRecorder(harness.services)(signal);
  };
  const trail = async () =>
    (await harness.audit()).map(({ action, subject, actor }) => `${action} ${subject.id} ${actor.id}`);
  const byFile = (scope: string) =>
    halt.halt(scope, 'the server is down', 'os:root', new Date(harness.nowMs).toISOString());
  return { harness, halt, pass, trail, byFile };
}

test('a halt and a resume made past the operations are recorded once, also after a restart', async () => {
  const { halt, pass, trail, byFile } = setUp();
  await byFile('staging');
  expect([await pass(), await pass()]).toEqual([1, 0]);
  await byFile('staging');
  expect(await pass()).toBe(1);
  await halt.resume('staging');
  expect([await pass(), await pass()]).toEqual([1, 0]);
  expect(await trail()).toEqual([
    'halt.set staging service:scheduler',
    'halt.set staging service:scheduler',
    'halt.clear staging service:scheduler',
  ]);
});

test('what an operation records is not recorded again, whether it is done or about to be', async () => {
  const { harness, pass, trail, byFile } = setUp();
  await byFile('*');
  expect(await pass(100)).toBe(0);
  await harness.services.halt.resume('*');
  const alice = harness.as({ id: 'user:alice' });
  await invoke(setHalt, alice, { scope: '*', reason: 'look' });
  expect(await pass()).toBe(0);
  await invoke(clearHalt, alice, { scope: '*', reason: 'seen' });
  expect(await pass()).toBe(0);
  expect(await trail()).toEqual(['halt.set * user:alice', 'halt.clear * user:alice']);
});

test('of two processes that find the same turn at once, one records it', async () => {
  const { harness, halt, pass, trail, byFile } = setUp();
  const { read } = harness.store;
  /** The pass of another process, which looked before this one had recorded anything. */
  const lateLook = (items: Awaited<ReturnType<typeof read.auditSearch>>['items']) => {
    const auditSearch: typeof read.auditSearch = async (_tenant, { action }) => ({
      items: items.filter((row) => row.action === action),
      next: null,
    });
    const store = {
      ...harness.store,
      transaction: harness.store.transaction.bind(harness.store),
      read: { ...read, auditSearch },
    };
    return createHaltRecorder({ ...harness.services, store })(signal);
  };
  await byFile('staging');
  expect([await pass(), await lateLook([])]).toEqual([1, 0]);
  const { items } = await read.auditSearch('acme', {}, { limit: 10, after: null });
  await halt.resume('staging');
  expect([await pass(), await lateLook(items)]).toEqual([1, 0]);
  expect(await trail()).toEqual([
    'halt.set staging service:scheduler',
    'halt.clear staging service:scheduler',
  ]);
});

test('a halt that cannot be recorded is told as a halt, and is recorded when the database is back', async () => {
  const { harness, halt, pass, trail } = setUp();
  harness.store.beforeCommit = () => {
    throw new Error('the disk is full');
  };
  await expect(invoke(setHalt, harness.as({ id: 'user:alice' }), { reason: 'now' })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('are halted'),
  });
  expect(halt.list()).toMatchObject([{ scope: '*', by: 'user:alice' }]);
  await expect(pass()).rejects.toThrow('the disk is full');
  harness.store.beforeCommit = () => {};
  expect(await pass()).toBe(1);
  expect(await trail()).toEqual(['halt.set * service:scheduler']);
});
