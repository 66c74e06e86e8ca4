import { createHash } from 'node:crypto';
import { AppError, type Actor, type Clock } from '@carapulse/kernel';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose';
import { actorFromClaims } from './token-claims.ts';

export interface TrustedIssuer {
  /** Compared by bytes with the `iss` claim. */
  readonly issuer: string;
  readonly audience: string;
  readonly tenantId: string;
  readonly assurance: 'session' | 'local';
  /** Subjects that are machines, e.g. the one that posts alerts. */
  readonly serviceSubjects: readonly string[];
  readonly keys:
    | { readonly kind: 'local'; readonly jwks: JSONWebKeySet }
    | { readonly kind: 'remote'; readonly url: URL };
}

/** Whom a token stands for, and the instant from which it is refused. */
export interface VerifiedToken {
  readonly actor: Actor;
  readonly refusedFromMs: number;
}

export interface TokenVerifier {
  /** @throws AppError `unauthenticated` saying why, or `unavailable` when an issuer's keys can't be fetched. */
  verify(token: string): Promise<VerifiedToken>;
}

const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'RS256', 'PS256'];
const CLOCK_TOLERANCE_S = 30;

/**
 * Verifies bearer tokens of several issuers. Owner: the gateway. Invariants:
 * 1. A token is believed only after its signature, issuer, audience and times were checked.
 * 2. What was believed is remembered by the token's hash until it is refused, and for at most `cacheSize` tokens.
 * 3. An unknown issuer is refused before any key is fetched.
 */
export function createTokenVerifier(options: {
  readonly issuers: readonly TrustedIssuer[];
  readonly clock: Clock;
  readonly cacheSize: number;
  readonly fetch?: typeof fetch;
}): TokenVerifier {
  const { clock, cacheSize } = options;
  const cache = new Map<string, VerifiedToken>();
  const issuers = new Map(
    options.issuers.map(
      (issuer) => [issuer.issuer, { issuer, keys: keySource(issuer, options.fetch) }] as const,
    ),
  );
  return {
    verify: async (token) => {
      const digest = createHash('sha256').update(token).digest('base64');
      const known = cache.get(digest);
      if (known !== undefined) {
        if (clock.nowMs() < known.refusedFromMs) return known;
        cache.delete(digest);
      }
      const found = issuers.get(claimedIssuer(token));
      if (found === undefined)
        throw new AppError(
          'unauthenticated',
          'The token comes from an issuer that this installation does not trust.',
        );
      const verified = await verifyWith(token, found.issuer, found.keys, clock);
      if (cache.size >= cacheSize) {
        const oldest = cache.keys().next();
        if (!oldest.done) cache.delete(oldest.value);
      }
      cache.set(digest, verified);
      return verified;
    },
  };
}

function keySource(issuer: TrustedIssuer, fetcher: typeof fetch | undefined): JWTVerifyGetKey {
  if (issuer.keys.kind === 'local') return createLocalJWKSet(issuer.keys.jwks);
  return createRemoteJWKSet(issuer.keys.url, {
    cooldownDuration: 30_000,
    timeoutDuration: 5_000,
    ...(fetcher && { [customFetch]: fetcher }),
  });
}

function claimedIssuer(token: string): string {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const issuer = (payload as { readonly iss?: unknown } | null)?.iss;
    if (typeof issuer === 'string') return issuer;
  } catch {
    // Falls through to the same refusal as a token without an issuer.
  }
  throw new AppError('unauthenticated', 'The bearer token is not a JWT with an issuer.');
}

async function verifyWith(
  token: string,
  issuer: TrustedIssuer,
  keys: JWTVerifyGetKey,
  clock: Clock,
): Promise<VerifiedToken> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: new Date(clock.nowMs()),
      requiredClaims: ['sub', 'exp', 'iat'],
    });
    return {
      actor: actorFromClaims(payload, issuer),
      refusedFromMs: ((payload.exp ?? 0) + CLOCK_TOLERANCE_S) * 1000,
    };
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (
      error instanceof errors.JWKSTimeout ||
      (error instanceof TypeError && issuer.keys.kind === 'remote')
    ) {
      throw new AppError('unavailable', `The keys of ${issuer.issuer} could not be fetched.`, {
        cause: error,
        retryable: true,
      });
    }
    throw new AppError('unauthenticated', `The token is not valid: ${reasonOf(error)}.`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired; sign in again';
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} is wrong`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature does not match';
  if (error instanceof errors.JWKSNoMatchingKey) return 'its key is not one of the issuer';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not allowed';
  return 'it cannot be verified';
}
