import { expect, test } from 'vitest';
import { forgeFailure } from './forge-failure.ts';

const forge = {
  url: 'https://gitlab.example',
  egress: 'public' as const,
  token: 't',
  repositories: '*' as const,
  name: 'main',
  where: 'connectors.glab.instances.main',
};
const failed = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  forgeFailure(forge, {
    status,
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    truncated: false,
  });

test.each([
  [
    { message: 'Validation Failed', errors: [{ field: 'head', code: 'invalid' }] },
    'Validation Failed; field head; code invalid',
  ],
  [{ message: { source_branch: ['does not exist'] } }, 'source_branch does not exist'],
  [{ message: ['one', 'two'] }, 'one; two'],
  [{ error: 'title is missing' }, 'title is missing'],
  ['<html>\u001b[31m\nno\u0000</html>', '<html> [31m no </html>'],
  ['', 'no message'],
])('%j is told as %s', (body, said) => {
  expect(failed(422, body).message).toBe(`connectors.glab.instances.main answered 422: ${said}`);
});

test('a limit says when to come back: by itself, by its reset, or by what is asked of everybody', () => {
  expect(failed(429, '', { 'retry-after': '3' }).retryAfterMs).toBe(3000);
  const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
  const reset = String(Date.parse(date) / 1000 + 90);
  expect(
    failed(403, '', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset, date }).retryAfterMs,
  ).toBe(90_000);
  expect(failed(429, '', { 'ratelimit-reset': reset, date }).retryAfterMs).toBe(90_000);
  expect(failed(403, { message: 'You have exceeded a secondary rate limit' })).toMatchObject({
    retryable: true,
    retryAfterMs: 60_000,
    details: { class: 'throttled', effect: 'none' },
  });
});

test('a right that is missing is no limit', () => {
  const refused = failed(403, { message: 'Forbidden' }, { 'x-ratelimit-remaining': '4999' });
  expect(refused).toMatchObject({ retryable: false, details: { class: 'permanent' } });
  expect(refused.retryAfterMs).toBeUndefined();
});
