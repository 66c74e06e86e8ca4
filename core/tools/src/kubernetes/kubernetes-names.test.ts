import { describe, expect, test } from 'vitest';
import { kindOf, KindName, kubectlType, listPath, objectPath, objectTarget } from './kubernetes-kinds.ts';
import { DnsLabel, ImageReference, LabelSelector, ObjectName, ObjectUid } from './kubernetes-names.ts';

const HOSTILE = [
  '',
  '-rf',
  '--kubeconfig=/etc/x',
  '-',
  '.',
  '..',
  '../pods',
  'a/b',
  'a b',
  'a\nb',
  'a\0b',
  'web\n',
  'Web',
  'wéb',
  'web\u202e',
  '%2e%2e',
  'a?b',
  'a#b',
  'a..b',
  'a.',
  '.a',
  'a-',
  '$(id)',
  '*',
  '{{proxy}}',
];

describe('names', () => {
  test.each(HOSTILE)('%j is no name of anything', (text) => {
    for (const schema of [DnsLabel, ObjectName, ObjectUid, KindName])
      expect(schema.safeParse(text).success).toBe(false);
  });

  test('what the API takes is taken, to the last letter', () => {
    expect(DnsLabel.safeParse('a'.repeat(63)).success).toBe(true);
    expect(DnsLabel.safeParse('a'.repeat(64)).success).toBe(false);
    expect(DnsLabel.safeParse('a.b').success).toBe(false);
    const long = [63, 63, 63, 61].map((length) => 'a'.repeat(length)).join('.');
    expect(ObjectName.safeParse(long).success).toBe(true);
    expect(ObjectName.safeParse(`${long}a`).success).toBe(false);
    expect(ObjectName.safeParse('web.example-1.com').success).toBe(true);
  });

  test.each([
    'app=shop',
    'app.kubernetes.io/name=shop',
    'app==shop,tier!=db',
    '!canary,app',
    'tier in (web, api),app notin (a,b)',
    'empty=',
  ])('%j is a selector', (text) => {
    expect(LabelSelector.safeParse(text).success).toBe(true);
  });

  test.each([
    'app=a&limit=1',
    'app=a,',
    ',app',
    '--all',
    '-l',
    'app\n',
    'app in web',
    'a=b=c',
    'app=-x',
    'app = b;',
  ])('%j is no selector', (text) => {
    expect(LabelSelector.safeParse(text).success).toBe(false);
  });

  test('an image is a reference and nothing else', () => {
    for (const image of ['web', 'web:1.2', 'registry.example:5000/a/b_c:v1', `a/b@sha256:${'0'.repeat(64)}`])
      expect(ImageReference.safeParse(image).success).toBe(true);
    for (const image of [
      'web:1 2',
      'web=1',
      '--all',
      'web\n',
      'Web',
      'wéb',
      '../web',
      '-web',
      'web:',
      'https://web',
      'a//b',
      'web@sha256:12',
    ])
      expect(ImageReference.safeParse(image).success).toBe(false);
  });
});

describe('kinds', () => {
  test('have the paths, types and targets of their API', () => {
    const web = { kind: 'deployment', namespace: 'shop', name: 'web' } as const;
    expect(objectPath(web)).toBe('/apis/apps/v1/namespaces/shop/deployments/web');
    expect(objectPath(web, 'scale')).toBe('/apis/apps/v1/namespaces/shop/deployments/web/scale');
    expect(listPath('pod', null)).toBe('/api/v1/pods');
    expect(objectPath({ kind: 'node', namespace: null, name: 'n' })).toBe('/api/v1/nodes/n');
    expect(kubectlType('deployment')).toBe('deployments.v1.apps');
    expect(kubectlType('pod')).toBe('pods');
    expect(kubectlType('ingress')).toBe('ingresses.v1.networking.k8s.io');
    expect(objectTarget('main', web)).toBe('kubernetes:main/shop/deployment/web');
    expect(objectTarget('main', { kind: 'node', namespace: null, name: 'n' })).toBe(
      'kubernetes:main/_/node/n',
    );
  });

  test('a Secret is none of them', () => {
    expect(KindName.safeParse('secret').success).toBe(false);
    expect(kindOf('v1', 'Secret')).toBeNull();
    expect(kindOf('apps/v1', 'Deployment')).toBe('deployment');
    expect(kindOf('extensions/v1beta1', 'Deployment')).toBeNull();
  });
});
