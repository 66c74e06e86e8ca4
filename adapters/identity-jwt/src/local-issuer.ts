import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Clock } from '@carapulse/kernel';
import { calculateJwkThumbprint, exportJWK, SignJWT, type JSONWebKeySet } from 'jose';

export interface LocalSubject {
  readonly sub: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

/** Issues short-lived tokens for the identities of one machine (assurance `local`). */
export interface LocalIssuer {
  readonly issuer: string;
  readonly audience: string;
  readonly jwks: JSONWebKeySet;
  /** @returns a compact JWT that lives for `ttlMs`. */
  mint(subject: LocalSubject, ttlMs: number): Promise<string>;
}

/** @param privateKeyPem PKCS #8 PEM of an Ed25519 key that only this process and its user can read. */
export async function createLocalIssuer(options: {
  readonly privateKeyPem: string;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
}): Promise<LocalIssuer> {
  const key = createPrivateKey(options.privateKeyPem);
  const jwk = await exportJWK(createPublicKey(key));
  const kid = await calculateJwkThumbprint(jwk);
  return {
    issuer: options.issuer,
    audience: options.audience,
    jwks: { keys: [{ ...jwk, kid, alg: 'EdDSA', use: 'sig' }] },
    mint: (subject, ttlMs) => {
      const nowS = Math.floor(options.clock.nowMs() / 1000);
      return new SignJWT({ roles: [...subject.roles], groups: [...subject.groups] })
        .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT' })
        .setIssuer(options.issuer)
        .setAudience(options.audience)
        .setSubject(subject.sub)
        .setIssuedAt(nowS)
        .setExpirationTime(nowS + Math.ceil(ttlMs / 1000))
        .sign(key);
    },
  };
}
