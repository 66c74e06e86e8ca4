import { expect, it } from 'vitest';
import { profileOf, ServiceProfiles } from './service-profile.ts';

it('finds a profile by its own name only, whatever name an alert carries', () => {
  const profiles = ServiceProfiles.parse({
    checkout: { repository: 'shop', endpoints: { probe: 'http://127.0.0.1:1/' } },
  });
  expect(profileOf(profiles, 'checkout')).toEqual(profiles['checkout']);
  for (const name of [null, 'other', 'constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    expect(profileOf(profiles, name)).toBeNull();
  }
});
