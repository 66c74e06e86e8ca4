import { expect, test } from 'vitest';
import {
  assertAllNamespaces,
  assertNamespaceListed,
  ClustersSettings,
  findCluster,
} from './cluster-settings.ts';
import { CA, clusterWith, section } from './cluster.testing.ts';
import { kubeconfigFile } from './kubeconfig.ts';

test('an authority is taken in PEM and in base64, as the same', () => {
  const base64 = Buffer.from(CA).toString('base64');
  expect(clusterWith({ ca: base64 }).ca).toBe(clusterWith({ ca: CA }).ca);
});

test.each([
  ['plain http', { server: 'http://kubernetes.example' }],
  ['credentials in the URL', { server: 'https://u:p@kubernetes.example' }],
  ['no certificate', { ca: 'trust me' }],
  [
    'a certificate with something beside it',
    { ca: `${CA}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----` },
  ],
  ['a broken certificate', { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }],
  ['an identity that is none', { uid: 'kube-system' }],
  ['a token with a line break', { token: 'a\r\nX-Other: b' }],
  ['no namespace at all by mistake', { namespaces: 'shop' as unknown as string[] }],
  ['a namespace that is a pattern', { namespaces: ['shop-*'] }],
  ['an unknown setting', { insecure: true }],
])('%s is refused', (_what, over) => {
  expect(ClustersSettings.safeParse({ clusters: { main: { ...section, ...over } } }).success).toBe(false);
});

test('a namespace that is not listed is refused by name', () => {
  const cluster = clusterWith();
  assertNamespaceListed(cluster, 'shop');
  expect(() => assertNamespaceListed(cluster, 'other')).toThrow(
    /other is not listed in connectors\.kubectl\.clusters\.main/,
  );
  expect(() => assertAllNamespaces(cluster, 'It')).toThrow(/set it to "\*"/);
  assertAllNamespaces({ ...cluster, namespaces: '*' }, 'It');
  assertNamespaceListed({ ...cluster, namespaces: '*' }, 'other');
});

test('a cluster that is not there is told with those that are', () => {
  const settings = ClustersSettings.parse({ clusters: { main: section } });
  expect(() => findCluster(settings, 'kubectl', 'constructor')).toThrow(/has no constructor; it has: main/);
});

test('the kubeconfig names proxy, authority and token, and nothing of the machine', () => {
  const { path, text } = kubeconfigFile('/scratch', clusterWith(), 'one-step-token');
  expect(path).toBe('/scratch/kubeconfig');
  expect(text).not.toContain('standing-token');
  expect(JSON.parse(text)).toMatchObject({
    clusters: [
      {
        cluster: {
          server: section.server,
          'certificate-authority-data': Buffer.from(CA).toString('base64'),
          'proxy-url': '{{proxy}}',
        },
      },
    ],
    users: [{ user: { token: 'one-step-token' } }],
  });
});
