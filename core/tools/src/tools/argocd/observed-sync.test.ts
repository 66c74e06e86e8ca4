import { expect, test } from 'vitest';
import { Application } from './application.ts';
import { APP_UID, application, operationOf } from './argocd.testing.ts';
import { observedSync } from './observed-sync.ts';

const BEFORE = '2026-11-25T09:00:00Z';
const asBefore = operationOf('other/step/1', { startedAt: BEFORE });
const seen = (over: object, at: string | null = BEFORE, uid = APP_UID): string =>
  observedSync(
    Application.parse(application(over)),
    { uid, last_operation_at: at },
    'execution/step/rollback/1',
  );
const last = (operationState: object | undefined) => ({ status: { operationState } });

test('an operation with the key was asked for, whatever became of it', () => {
  const ours = operationOf('execution/step/rollback/1', { phase: 'Failed' });
  expect(seen(last(ours))).toBe('done');
  expect(seen({ ...last(asBefore), operation: (ours as { operation: object }).operation })).toBe('done');
});

test('none was asked for while the last one is that of before, or of an earlier attempt of the step', () => {
  expect(seen(last(asBefore))).toBe('not_done');
  expect(seen(last(undefined), null)).toBe('not_done');
  expect(seen(last(operationOf('execution/step/2')))).toBe('not_done');
});

test('where an operation of others came later, or is open, or the application is another, nobody can tell', () => {
  expect(seen(last(operationOf('execution/step2/1')))).toBe('unknown');
  expect(seen(last(operationOf('x', { operation: {} })))).toBe('unknown');
  expect(seen(last(operationOf('x', { startedAt: BEFORE, phase: 'Running' })))).toBe('unknown');
  expect(seen({ ...last(asBefore), operation: {} })).toBe('unknown');
  expect(seen(last(undefined))).toBe('unknown');
  expect(seen(last(asBefore), BEFORE, APP_UID.replace('1', '2'))).toBe('unknown');
});
