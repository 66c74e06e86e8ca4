import { AppError } from '@carapulse/kernel';
import { expect, test } from 'vitest';
import { writeEach } from './write-each.ts';

const refused = new AppError('tool_failed', 'no', {
  retryable: true,
  retryAfterMs: 5,
  details: { effect: 'none', class: 'throttled' },
});
const failingAt = (index: number) => (item: number) =>
  item === index ? Promise.reject(refused) : Promise.resolve();

test('a refusal of the first says that nothing happened, one of a later doesn’t', async () => {
  await expect(writeEach([0, 1], failingAt(0))).rejects.toBe(refused);
  await expect(writeEach([0, 1], failingAt(1))).rejects.toMatchObject({
    code: 'tool_failed',
    message: 'no',
    retryable: true,
    retryAfterMs: 5,
    details: { class: 'throttled' },
  });
  await expect(writeEach([0, 1], failingAt(1))).rejects.not.toMatchObject({ details: { effect: 'none' } });
  await expect(writeEach([0, 1], failingAt(2))).resolves.toBeUndefined();
});
