import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createLocalIssuer } from './local-issuer.ts';
import { createTokenVerifier, type TrustedIssuer } from './token-verifier.ts';

const pem = () =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

async function setUp(overrides: Partial<TrustedIssuer> = {}) {
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const issuer = await createLocalIssuer({
    privateKeyPem: pem(),
    issuer: 'urn:here',
    audience: 'carapulse',
    clock,
  });
  const trusted: TrustedIssuer = {
    issuer: 'urn:here',
    audience: 'carapulse',
    tenantId: 'default',
    assurance: 'local',
    serviceSubjects: ['service:alertmanager'],
    keys: { kind: 'local', jwks: issuer.jwks },
    ...overrides,
  };
  const verifier = createTokenVerifier({ issuers: [trusted], clock, cacheSize: 2 });
  return { issuer, verifier, clock, pass: (ms: number) => (nowMs += ms) };
}

const alice = { sub: 'alice', roles: ['operator', 'galactic-emperor'], groups: ['sre'] };

describe('createTokenVerifier', () => {
  test('a good token becomes its actor, with the roles we know', async () => {
    const { issuer, verifier } = await setUp();
    const { actor } = await verifier.verify(await issuer.mint(alice, 60_000));
    expect(actor).toEqual({
      id: 'user:alice',
      kind: 'human',
      tenant_id: 'default',
      roles: ['operator'],
      groups: ['sre'],
      assurance: 'local',
    });
  });

  test('a machine is a service, whatever roles it has', async () => {
    const { issuer, verifier } = await setUp();
    const { actor } = await verifier.verify(
      await issuer.mint({ sub: 'service:alertmanager', roles: ['operator'], groups: [] }, 60_000),
    );
    expect(actor).toMatchObject({ id: 'service:alertmanager', kind: 'service', assurance: 'service' });
  });

  test('a remembered token is refused once it has expired', async () => {
    const { issuer, verifier, clock, pass } = await setUp();
    const token = await issuer.mint(alice, 60_000);
    const { refusedFromMs } = await verifier.verify(token);
    pass(59_000);
    expect(await verifier.verify(token)).toMatchObject({ refusedFromMs });
    pass(refusedFromMs - clock.nowMs() - 1);
    await verifier.verify(token);
    pass(1);
    await expect(verifier.verify(token)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: /expired/,
    });
  });

  test.each([
    ['another audience', { audience: 'other' }, /claim aud/],
    ['another issuer', { issuer: 'urn:there' }, /does not trust/],
  ])('%s', async (_name, overrides, refused) => {
    const { issuer, verifier } = await setUp(overrides);
    const answer = verifier.verify(await issuer.mint(alice, 60_000));
    await expect(answer).rejects.toMatchObject({ code: 'unauthenticated', message: refused });
  });

  test('a token signed by a stranger under our issuer is refused', async () => {
    const { verifier, clock } = await setUp();
    const stranger = await createLocalIssuer({
      privateKeyPem: pem(),
      issuer: 'urn:here',
      audience: 'carapulse',
      clock,
    });
    await expect(verifier.verify(await stranger.mint(alice, 60_000))).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  test('alg none and garbage are refused', async () => {
    const { verifier } = await setUp();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const none = `${part({ alg: 'none' })}.${part({ iss: 'urn:here', aud: 'carapulse', sub: 'x', exp: 9e9, iat: 1 })}.`;
    for (const token of [none, 'garbage', '', 'a.b.c', '..']) {
      await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    }
  });

  test('keys come from a JWKS address, and its absence is not an invalid token', async () => {
    let served = 0;
    let keys: object = {};
    const server = createServer((_request, response) => {
      served += 1;
      response.setHeader('content-type', 'application/json').end(JSON.stringify(keys));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
    const { issuer, verifier } = await setUp({ keys: { kind: 'remote', url } });
    keys = issuer.jwks;
    await verifier.verify(await issuer.mint(alice, 60_000));
    await verifier.verify(await issuer.mint({ ...alice, sub: 'bob' }, 60_000));
    expect(served).toBe(1);
    await new Promise((resolve) => server.close(resolve));
    const other = await setUp({ keys: { kind: 'remote', url } });
    await expect(other.verifier.verify(await other.issuer.mint(alice, 60_000))).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
