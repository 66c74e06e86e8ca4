import { AppError } from '@carapulse/kernel';
import { createHarness, type Harness } from '@carapulse/operations/testing';
import { beforeEach, expect, test } from 'vitest';
import { onceByKey } from './idempotency.ts';

const REQUEST = { key: 'k', principal: 'user:a', route: 'POST /v1/plans', content: { summary: 'x' } };
const REPLY = { status: 201, headers: {}, body: { done: true } };
type Work = Parameters<typeof onceByKey>[2];

let harness: Harness;
let effects: number;
beforeEach(() => {
  harness = createHarness();
  effects = 0;
});

/** One request as a process of that epoch serves it. */
const ask = (epoch: number, work: Work) => onceByKey({ ...harness.services, epoch }, REQUEST, work);

/** Acts as a verb does: in one transaction with the key. */
const act: Work = async (onCommit) => {
  await harness.store.transaction(async (tx) => {
    await onCommit(tx);
  });
  effects += 1;
  return REPLY;
};

/** A process that dies at this point: its promise never settles. @returns once it got there. */
function dieAfter(epoch: number, steps: Work): Promise<void> {
  return new Promise((there) => {
    void ask(epoch, async (onCommit) => {
      await steps(onCommit);
      there();
      return new Promise(() => {});
    });
  });
}

test('the same request again gets the same reply, and one effect', async () => {
  expect(await ask(1, act)).toEqual(REPLY);
  expect(await ask(1, act)).toMatchObject({ ...REPLY, headers: { 'idempotency-replayed': 'true' } });
  expect(await ask(2, act)).toMatchObject(REPLY);
  expect(effects).toBe(1);
});

test('one that runs in this process is in progress, however long', async () => {
  await dieAfter(1, async () => REPLY);
  harness.nowMs += 86_400_000;
  await expect(ask(1, act)).rejects.toMatchObject({ code: 'idempotency_in_progress' });
});

test('one that an ended process left before it acted runs again at once', async () => {
  await dieAfter(1, async () => REPLY);
  expect(await ask(2, act)).toEqual(REPLY);
  expect(effects).toBe(1);
});

test('one that an ended process left after it had acted is not done twice, and nobody is told to wait', async () => {
  await dieAfter(1, act);
  await expect(ask(2, act)).rejects.toMatchObject({ code: 'outcome_unknown', retryable: false });
  expect(effects).toBe(1);
});

test('a process that lives on after a newer one took the request over commits nothing', async () => {
  const late = Promise.withResolvers<void>();
  const slow = ask(1, async (onCommit) => {
    await late.promise;
    return act(onCommit);
  });
  expect(await ask(2, act)).toEqual(REPLY);
  late.resolve();
  await expect(slow).rejects.toMatchObject({ code: 'fenced' });
  expect(effects).toBe(1);
});

test('a request that failed before it acted may be asked again; one that failed afterwards may not', async () => {
  const fail: Work = async () => {
    throw new Error('no luck');
  };
  await expect(ask(1, fail)).rejects.toThrow('no luck');
  await expect(
    ask(1, async (onCommit) => {
      await act(onCommit);
      return fail(onCommit);
    }),
  ).rejects.toThrow('no luck');
  await expect(ask(1, act)).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(effects).toBe(1);
});

test('a request that ended while the store was away is settled by the next one, in the same process', async () => {
  const away = (): never => {
    throw new AppError('unavailable', 'The database cannot be used now.', { retryable: true });
  };
  const { store } = harness;
  const lost: Work = async () => {
    store.beforeCommit = away;
    return away();
  };
  await expect(ask(1, lost)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(ask(1, act)).rejects.toMatchObject({ code: 'unavailable' });
  store.beforeCommit = () => undefined;
  store.afterCommit = () => {
    store.beforeCommit = away;
    away();
  };
  await expect(ask(1, act)).rejects.toMatchObject({ code: 'unavailable' });
  store.beforeCommit = store.afterCommit = () => undefined;
  const done: Work = async (onCommit) => {
    const reply = await act(onCommit);
    store.beforeCommit = away;
    return reply;
  };
  expect(await ask(1, done)).toEqual(REPLY);
  store.beforeCommit = () => undefined;
  expect(await ask(1, act)).toMatchObject({ ...REPLY, headers: { 'idempotency-replayed': 'true' } });
  expect(effects).toBe(1);
});

test('one whose change was acknowledged to nobody is not done twice, and nobody is told to wait', async () => {
  const away = (): never => {
    throw new AppError('unavailable', 'The database cannot be used now.', { retryable: true });
  };
  const { store } = harness;
  const unheard: Work = (onCommit) => {
    store.afterCommit = () => {
      store.beforeCommit = away;
      away();
    };
    return act(onCommit);
  };
  await expect(ask(1, unheard)).rejects.toMatchObject({ code: 'unavailable' });
  store.beforeCommit = store.afterCommit = () => undefined;
  await expect(ask(1, act)).rejects.toMatchObject({ code: 'outcome_unknown', retryable: false });
  expect(effects).toBe(0);
});

test('another request under the key is refused, also after a crash', async () => {
  await dieAfter(1, async () => REPLY);
  const other = { ...REQUEST, content: {} };
  await expect(onceByKey({ ...harness.services, epoch: 2 }, other, act)).rejects.toMatchObject({
    code: 'idempotency_mismatch',
  });
});
