import { expect, test } from 'vitest';
import type { Installation } from '../installation/open-installation.ts';
import { alertsAt } from './up.ts';

const identity = (name: string, kind: 'human' | 'service') => ({
  name,
  kind,
  roles: [],
  groups: [],
  private_key: {},
});
const told = (...identities: readonly object[]) =>
  // Of an installation only these two are looked at.
  alertsAt('http://127.0.0.1:1', { identities, paths: { identities: '/x' } } as unknown as Installation);

test('the token for alerts is named where there is one', () => {
  expect(told(identity('alice', 'human'), identity('monitoring', 'service'))).toBe(
    'POST http://127.0.0.1:1/v1/hooks/alertmanager with the token in /x/monitoring.token',
  );
});

test('where people alone are listed, it is told how to list a machine', () => {
  expect(told(identity('alice', 'human'))).toContain('auth.local_identities');
});
