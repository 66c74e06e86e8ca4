import type { HttpResult } from '../egress-http.ts';
import type { HttpRuntime } from './api-over-http.ts';
import { findCluster } from './cluster-settings.ts';
import { ClustersSettings } from './cluster-settings.ts';
import type { Cluster } from './cluster-settings.ts';

export const UID = '7f3c1a52-9c7d-4d7e-8a51-0f6f9a1b2c3d';

/** For tests: the certificate of an authority whose key nobody has. */
export const CA = `-----BEGIN CERTIFICATE-----
MIIBhDCCASugAwIBAgIUBeZcxmVE5+FkXEZCxuB0FiE9v3IwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMdGVzdCBjbHVzdGVyMCAXDTI2MTEyNTIxMDAyOVoYDzIxMjYx
MTAxMjEwMDI5WjAXMRUwEwYDVQQDDAx0ZXN0IGNsdXN0ZXIwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATpquF9AC7CQQONx8dT4GGW3PaDORVcCVrU2uX/++Or/lAF
hFr7dnQySHIAdL0s6QmyQqV1SCgOGqTrNYOo6Anwo1MwUTAdBgNVHQ4EFgQUHzcK
sw3kl1/w0R+Hds3xklLLSkowHwYDVR0jBBgwFoAUHzcKsw3kl1/w0R+Hds3xklLL
SkowDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiB56T760SztuXuH
Uq/lFx09TAb2xQXnJXERiU5flhLsLgIgXXP+dsV9X4ayPJhfIlai9FYd5URkF1K2
rg64yUM62q8=
-----END CERTIFICATE-----
`;

export const section = {
  server: 'https://kubernetes.example:6443',
  ca: CA,
  uid: UID,
  egress: 'private' as const,
  namespaces: ['shop'],
  token: 'standing-token',
  write_account: { namespace: 'carapulse', name: 'writer' },
};

/** For tests: a cluster `main` of the connector kubectl. */
export function clusterWith(over: Partial<typeof section> = {}): Cluster {
  const settings = ClustersSettings.parse({ clusters: { main: { ...section, ...over } } });
  return findCluster(settings, 'kubectl', 'main');
}

export type Asked = Parameters<HttpRuntime['http']>[0];

/** For tests: an API server that answers by method and path, and what it was asked. */
export function fakeServer(answers: Readonly<Record<string, { status: number; body: unknown }>>): {
  readonly runtime: HttpRuntime;
  readonly asked: Asked[];
} {
  const asked: Asked[] = [];
  const http = (request: Asked): Promise<HttpResult> => {
    asked.push(request);
    const { pathname } = new URL(request.url);
    const { status, body } = answers[`${request.method} ${pathname}`] ?? {
      status: 404,
      body: { kind: 'Status', reason: 'NotFound', message: `no ${pathname}` },
    };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return Promise.resolve({ status, headers: {}, body: text, truncated: false, durationMs: 1 });
  };
  return { runtime: { http }, asked };
}
