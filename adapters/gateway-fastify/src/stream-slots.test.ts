import { expect, test } from 'vitest';
import { createStreamSlots } from './stream-slots.ts';

test('each principal has its own streams, and one given back twice frees one', () => {
  const slots = createStreamSlots(2);
  const first = slots.take('user:a');
  slots.take('user:a');
  expect(() => slots.take('user:a')).toThrow('follows 2 logs already');
  slots.take('user:b');
  first();
  first();
  slots.take('user:a');
  expect(() => slots.take('user:a')).toThrow(expect.objectContaining({ code: 'rate_limited' }));
});
