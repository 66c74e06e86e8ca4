import { AppError } from '@carapulse/kernel';
import { expect, test } from 'vitest';
import { STORE_AWAY } from '../ports/index.ts';
import { createHarness } from '../testing/index.ts';
import { onceStoreAnswers } from './once-store-answers.ts';

const gone = (): AppError =>
  new AppError('unavailable', 'The database cannot be used now.', {
    retryable: true,
    details: { reason: STORE_AWAY },
  });
const unrecorded = (): AppError =>
  new AppError('outcome_unknown', 'It is done, but recording it failed.', { cause: gone() });

/** A store that answers again after so many looks. */
function services(looks: number) {
  const harness = createHarness();
  let asked = 0;
  const ping = async (): Promise<void> => {
    asked += 1;
    if (asked <= looks) throw gone();
  };
  return { ...harness.services, store: { ...harness.services.store, ping }, sleep: async () => undefined };
}

test('what broke off with the store is done again when it is back, its cause may lie deeper', async () => {
  const failures = [gone(), unrecorded()];
  const work = async (): Promise<string> => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return 'done';
  };
  expect(await onceStoreAnswers(services(3), new AbortController().signal, work)).toBe('done');
  expect(failures).toEqual([]);
});

test('every other failure is told at once', async () => {
  let times = 0;
  const work = async (): Promise<never> => {
    times += 1;
    throw new AppError('unavailable', 'The target is away.', { retryable: true });
  };
  await expect(onceStoreAnswers(services(0), new AbortController().signal, work)).rejects.toMatchObject({
    message: 'The target is away.',
  });
  expect(times).toBe(1);
});

test('whose time is over while the store is away fails as it did, so that an effect is not forgotten', async () => {
  const over = new AbortController();
  const sleep = async (): Promise<void> => {
    over.abort();
    throw new AppError('cancelled', 'The time is over.');
  };
  const failed = onceStoreAnswers({ ...services(9), sleep }, over.signal, async () => {
    throw unrecorded();
  });
  await expect(failed).rejects.toMatchObject({ code: 'outcome_unknown' });
});
