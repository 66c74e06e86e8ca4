import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { Addresses, BaseUrl, findNamed, Headers, urlBelow } from '../../http-connector.ts';

/** A path as sent: absolute, without dot segments, encoded separators, control characters, query or fragment. */
export const UrlPath = z
  .string()
  .max(1000)
  .regex(/^\/[\x21\x24-\x3e\x40-\x5b\x5d-\x7e]*$/, 'an absolute URL path, percent-encoded, without query')
  .refine((path) => !/%(2e|2f|5c|00)/i.test(path), 'a path without encoded dots, slashes or NUL')
  .refine((path) => !/\/\/|\/\.{1,2}(\/|$)/.test(path), 'a path without empty or dot segments');

const EndpointName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'an endpoint of connectors.http');

export const HttpSettings = z.strictObject({
  endpoints: z.record(
    EndpointName,
    z.strictObject({
      base_url: BaseUrl,
      egress: Addresses,
      headers: Headers.default({}),
      /** Prefixes below `base_url` that may be read; everything below it when absent. */
      paths: z.array(UrlPath).min(1).max(100).default(['/']),
    }),
  ),
});
export type HttpSettings = z.infer<typeof HttpSettings>;
type Endpoint = HttpSettings['endpoints'][string];

const Query = z.record(z.string().max(200), z.string().max(2000)).default({});

/** Where a read goes: a path at an endpoint, or a URL that lies below one of them. */
export const HttpTarget = z.union([
  z.strictObject({ endpoint: EndpointName, path: UrlPath, query: Query }),
  z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(3000) }),
]);
export type HttpTarget = z.infer<typeof HttpTarget>;

export interface ResolvedTarget {
  readonly url: string;
  readonly endpoint: Endpoint;
}

/** @throws AppError `not_found` (no such endpoint) or `forbidden` (outside the endpoints' paths). */
export function resolveTarget(settings: HttpSettings, target: HttpTarget): ResolvedTarget {
  if ('endpoint' in target) {
    const endpoint = findNamed(settings.endpoints, target.endpoint, 'connectors.http');
    const url = urlBelow(endpoint.base_url, target.path, Object.entries(target.query));
    return allowed(url, endpoint) ? { url, endpoint } : refuse(url);
  }
  const { username, password, pathname } = new URL(target.url);
  const raw = /^https?:\/\/[^/?#]*([^?#]*)/.exec(target.url)?.[1] ?? '';
  const authority = target.url.split(/[/?#]/)[2] ?? '';
  const plain = username === '' && password === '' && !authority.includes('@') && !target.url.includes('#');
  const safe = UrlPath.safeParse(pathname).success && (raw === '' || raw === pathname);
  const url = new URL(target.url).href;
  const endpoint = Object.values(settings.endpoints).find((candidate) => allowed(url, candidate));
  return plain && safe && endpoint !== undefined ? { url, endpoint } : refuse(target.url);
}

function allowed(url: string, endpoint: Endpoint): boolean {
  const { origin, pathname } = new URL(url);
  if (new URL(endpoint.base_url).origin !== origin) return false;
  return endpoint.paths.some((prefix) => {
    const below = new URL(urlBelow(endpoint.base_url, prefix)).pathname;
    return pathname === below || pathname.startsWith(below.endsWith('/') ? below : `${below}/`);
  });
}

function refuse(url: string): never {
  throw new AppError(
    'forbidden',
    `${url.slice(0, 200)} is not below an endpoint of connectors.http; add one with its base_url and paths.`,
    { details: { class: 'permanent', effect: 'none', reason: 'url_not_listed' } },
  );
}
