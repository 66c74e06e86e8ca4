import { createHmac, randomBytes, randomUUID } from 'node:crypto';

export const ARGOCD_NAMESPACE = 'argocd';

type Account = 'carapulse' | 'reader' | 'operator';

/** Accounts with an API key, and what each may do; the policy's language is Argo CD's. */
const ACCOUNTS: Readonly<Record<Account, readonly string[]>> = {
  /** Looks, refreshes, syncs and rolls back; changes no Application's definition. */
  carapulse: [
    'applications, get, */*, allow',
    'applications, sync, */*, allow',
    'applications, action/*, */*, allow',
    'projects, get, *, allow',
    'clusters, get, *, allow',
    'repositories, get, *, allow',
    'logs, get, */*, allow',
  ],
  /** Looks; argocd also gets the project of what it shows. */
  reader: ['applications, get, */*, allow', 'projects, get, *, allow'],
  /** Whoever sets a test up; it has the role of administrators that is built in. */
  operator: [],
};

export type ArgocdTokens = Readonly<Record<Account, string>>;

export interface ArgocdResources {
  /** To be created in this order. */
  readonly items: readonly object[];
  readonly tokens: ArgocdTokens;
}

/** What Argo CD wants to find in its namespace, with keys and tokens made anew. */
export function argocdResources(nowSeconds: number): ArgocdResources {
  const secretKey = randomBytes(32).toString('base64');
  const accounts: readonly Account[] = ['carapulse', 'reader', 'operator'];
  const ids = new Map(accounts.map((name) => [name, randomUUID()]));
  const labels = { 'app.kubernetes.io/part-of': 'argocd' };
  const metadata = (name: string) => ({ name, namespace: ARGOCD_NAMESPACE, labels });
  const configMap = (name: string, data: Readonly<Record<string, string>>) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(name),
    data,
  });
  const policy = accounts.flatMap((name) => ACCOUNTS[name].map((rule) => `p, role:${name}, ${rule}`));
  const members = ['g, operator, role:admin', ...accounts.map((name) => `g, ${name}, role:${name}`)];
  const items = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ARGOCD_NAMESPACE } },
    configMap('argocd-cm', {
      'admin.enabled': 'false',
      ...Object.fromEntries(accounts.map((name) => [`accounts.${name}`, 'apiKey'])),
    }),
    configMap('argocd-rbac-cm', { 'policy.csv': `${[...policy, ...members].join('\n')}\n` }),
    ...['argocd-cmd-params-cm', 'argocd-gpg-keys-cm', 'argocd-ssh-known-hosts-cm', 'argocd-tls-certs-cm'].map(
      (name) => configMap(name, {}),
    ),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('argocd-secret'),
      stringData: {
        'server.secretkey': secretKey,
        ...Object.fromEntries(
          accounts.map((name) => [
            `accounts.${name}.tokens`,
            JSON.stringify([{ id: ids.get(name), iat: nowSeconds }]),
          ]),
        ),
      },
    },
    {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AppProject',
      metadata: { name: 'default', namespace: ARGOCD_NAMESPACE },
      spec: {
        sourceRepos: ['*'],
        destinations: [{ namespace: '*', server: '*' }],
        clusterResourceWhitelist: [{ group: '*', kind: '*' }],
      },
    },
  ];
  const tokenOf = (name: Account) =>
    signed(
      { iss: 'argocd', sub: `${name}:apiKey`, jti: ids.get(name), iat: nowSeconds, nbf: nowSeconds },
      secretKey,
    );
  return {
    items,
    tokens: { carapulse: tokenOf('carapulse'), reader: tokenOf('reader'), operator: tokenOf('operator') },
  };
}

/** RFC 7519 with HS256, as Argo CD signs the tokens of its accounts. */
function signed(claims: object, key: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}
