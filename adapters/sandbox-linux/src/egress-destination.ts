import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { AppError } from '@carapulse/kernel';
import type { EgressRule } from '@carapulse/tools';
import { addressClass } from './address-class.ts';

/** All addresses of a host name. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

export const resolveBySystem: Resolve = async (host) => {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map((entry) => entry.address);
};

/** A destination that passed: connections go to `addresses`, never to a name that could resolve anew. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

/**
 * Checks a destination against the rules and resolves it once.
 * Every address it resolves to must be acceptable, so that a name cannot mix a public address with an inner one.
 * Cloud metadata addresses are refused to names under any rule; only a rule that spells the address allows it.
 * @throws AppError `policy_denied` when no rule names host and port or an address is refused; `unavailable`
 * (retryable) when the name does not resolve.
 */
export async function checkDestination(
  rawHost: string,
  port: number,
  rules: readonly EgressRule[],
  resolve: Resolve,
  signal: AbortSignal,
): Promise<Destination> {
  const host = normalHost(rawHost);
  const matching = rules.filter((rule) => rule.port === port && normalHost(rule.host) === host);
  if (matching.length === 0) {
    throw new AppError(
      'policy_denied',
      `${host}:${port} is not among the destinations allowed for this call.`,
      {
        details: { host, port },
      },
    );
  }
  const literal = isIP(host) !== 0;
  const addresses = literal ? [host] : await resolveOrFail(host, port, resolve, signal);
  const inner = matching.some((rule) => rule.addresses === 'private');
  for (const address of addresses) {
    const kind = addressClass(address);
    const fine = kind === 'public' || (inner && (kind === 'private' || (kind === 'metadata' && literal)));
    if (!fine) {
      throw new AppError(
        'policy_denied',
        `${host}:${port} resolves to ${address}, a ${kind} address, which its egress rule does not allow.`,
        { details: { host, port, address } },
      );
    }
  }
  return { host, port, addresses };
}

/** Lower case, no brackets, no root dot, IPv6 in its shortest form. */
export function normalHost(host: string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIP(bare) === 6) return new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  return bare.toLowerCase().replace(/\.$/, '');
}

async function resolveOrFail(
  host: string,
  port: number,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let found: readonly string[];
  try {
    signal.throwIfAborted();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    try {
      found = await Promise.race([resolve(host, signal), aborted]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError('unavailable', `${host}:${port} cannot be reached: the name does not resolve.`, {
      cause: error,
      retryable: true,
    });
  }
  if (found.length > 0) return found;
  throw new AppError('unavailable', `${host}:${port} cannot be reached: the name has no address.`, {
    retryable: true,
  });
}
