import type { AppError, AppErrorCode } from '@carapulse/kernel';
import { displayText } from '@carapulse/plan';

const NEXT: Partial<Readonly<Record<AppErrorCode, string>>> = {
  unauthenticated:
    'Next: use another identity with --as; a token of a stopped server is renewed when `carapulse up` runs again.',
  forbidden: 'Next: use an identity that may do this with --as.',
  policy_denied: 'Next: `assistantctl policy explain --plan ID` tells which rules decided.',
  halted: 'Next: `assistantctl halt --show` tells who halted what; `assistantctl resume` lifts it.',
  plan_stale: 'Next: look at the plan again with `assistantctl plan show ID`.',
  precondition_failed: 'Next: look at what it names; once that has changed, ask again.',
  rate_limited: 'Next: wait a moment and try again.',
};

/** What is said on standard error: the sentence, its faults, and what to do next. */
export function describeFailure(error: AppError): readonly string[] {
  const { reason, request_id: request } = error.details;
  const known = [
    typeof reason === 'string' ? `reason ${reason}` : null,
    typeof request === 'string' ? `request ${request}` : null,
  ].filter((part) => part !== null);
  const next = NEXT[error.code];
  return [
    ...error.message
      .split('\n')
      .map((line, index) => `${index === 0 ? 'assistantctl: ' : '  '}${displayText(line)}`),
    ...error.errors
      .filter(({ pointer, detail }) => pointer !== '' && !error.message.includes(detail))
      .map(({ pointer, detail }) => `  ${displayText(pointer)}: ${displayText(detail)}`),
    ...(known.length === 0 ? [] : [`  (${displayText(known.join(', '))})`]),
    ...(next === undefined ? [] : [next]),
  ];
}
