import { describe, expect, it } from 'vitest';
import { changeBetween, irreversible, rolloutMs, workloadsOf } from './release-change.ts';
import {
  compareManifests,
  contentDigest,
  openText,
  shownManifest,
  targetOfChange,
} from './compare-manifests.ts';
import { imagesOf, replicasOf } from './manifest-facts.ts';
import { documentsOf, holdsSecrets } from './manifest-documents.ts';

const deployment = (image: string, more = ''): string => `---
# Source: shop/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: web
          image: "${image}"
${more}`;

const secret = (value: string): string => `---
apiVersion: v1
kind: Secret
metadata:
  name: key
  annotations:
    note: ${value}
type: Opaque
data:
  a: ${value}
  b: c2FtZQ==
stringData:
  multi: |
    ${value}
    second
`;

const labels = { from: '(now)', to: '(then)' };
const content = (manifest: string) => ({ manifest, hooks: [] });

describe('documents of a manifest', () => {
  it('are told by their own lines, with the namespace where they say one', () => {
    const found = documentsOf(
      `# a comment alone\n---\n${deployment('web:1')}\n---\n\n---\napiVersion: "v1"\nkind: 'Service' # x\nmetadata:\n    namespace: other\n    name: "web"\n`,
    );
    expect(found.map(({ object }) => object)).toEqual([
      { apiVersion: 'apps/v1', kind: 'Deployment', namespace: '', name: 'web' },
      { apiVersion: 'v1', kind: 'Service', namespace: 'other', name: 'web' },
    ]);
  });

  it.each([
    ['JSON', '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"},"data":{"a":"S3CR3T"}}'],
    [
      'a list',
      'apiVersion: v1\nkind: List\nmetadata:\n  name: x\nitems:\n- kind: Secret\n  data: {a: S3CR3T}',
    ],
    [
      'a kind said twice',
      'apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata:\n  name: x\ndata:\n  a: S3CR3T',
    ],
    ['a kind by an anchor', 'apiVersion: v1\nkind: *k\nmetadata:\n  name: x\ndata:\n  a: S3CR3T'],
    ['a kind with a tag', 'apiVersion: v1\nkind: !!str Secret\nmetadata:\n  name: x\ndata:\n  a: S3CR3T'],
    ['a kind with escapes', 'apiVersion: v1\nkind: "\\x53ecret"\nmetadata:\n  name: x\ndata:\n  a: S3CR3T'],
    [
      'a key with escapes',
      'apiVersion: v1\nkind: ConfigMap\n"k\\u0069nd": Secret\nmetadata:\n  name: x\ndata:\n  a: S3CR3T',
    ],
    ['a kind on the next line', 'apiVersion: v1\nkind:\n  Secret\nmetadata:\n  name: x\ndata:\n  a: S3CR3T'],
    ['a merge', 'apiVersion: v1\nkind: ConfigMap\n<<: *s\nmetadata:\n  name: x\ndata:\n  a: S3CR3T'],
    ['metadata in one line', 'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata:\n  a: S3CR3T'],
    [
      'of a kind after another break of lines',
      'apiVersion: v1\nmetadata:\n  name: x\n  annotations:\n    a: "\nkind: ConfigMap\n "\n#\rkind: Secret\ndata:\n  a: S3CR3T',
    ],
    [
      'of a kind in what looks like Helm’s comment',
      'apiVersion: v1\nmetadata:\n  name: x\n  annotations:\n    a: "\nkind: ConfigMap\n "\n# Source: x\u0085kind: Secret\ndata:\n  a: S3CR3T',
    ],
    [
      'indented, with a text at the edge',
      '  metadata:\n    annotations:\n      a: "\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n "\n  apiVersion: v1\n  kind: Secret\n  data: {a: S3CR3T}',
    ],
    [
      'a kind that begins the document',
      '--- {apiVersion: v1, kind: Secret, metadata: {name: x}, data: {a: S3CR3T}}',
    ],
  ])('are masked whole when they are %s', (_, text) => {
    const [document] = documentsOf(text);
    expect(document === undefined || holdsSecrets(document)).toBe(true);
    expect(shownManifest(text)).not.toContain('S3CR3T');
    expect(openText(content(text))).not.toContain('S3CR3T');
  });

  it.each([
    ['merged into the metadata', '  name: x\n  <<: {namespace: kube-system}'],
    ['under a key with escapes', '  name: x\n  "namespac\\x65": kube-system'],
    ['under a key with a question mark', '  name: x\n  ? namespace\n  : kube-system'],
    ['after another break of lines', '  name: x #\u2028  namespace: kube-system'],
    ['in a flow mapping', '  {namespace: kube-system, name: y, annotations: {a: "\n  name: x\n  "}}'],
    [
      'beside a text that is less indented',
      '    annotations: {a: "\n  name: x\n  ", "n\\x61me": z}\n    name: y',
    ],
  ])('are of no known form where a namespace or a name is %s', (_, metadata) => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n${metadata}\ndata: {a: b}\n`;
    expect(documentsOf(text)).toMatchObject([{ object: null }]);
    const { differences } = changeBetween(content(''), content(text), { namespace: 'shop', labels });
    expect(differences).toMatchObject([{ object: null }]);
  });

  it('are known with the lists and nested entries that metadata may have', () => {
    const text =
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  # why\n  name: x\n  finalizers:\n  - a/b\n  annotations:\n    "a b": |\n      c\ndata: {}';
    expect(documentsOf(text)).toMatchObject([{ object: { name: 'x', namespace: '' } }]);
  });

  it.each([
    ['entries', secret('S3CR3T')],
    ['values on one line', 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata: {a: S3CR3T}'],
    [
      'quoted keys',
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  "a": S3CR3T\n  \'b\': S3CR3T',
    ],
    [
      'keys that are values',
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  ? S3CR3T\n  : S3CR3T',
    ],
    [
      'lines of a text',
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  a: "S3CR3T\n  S3CR3T: x"',
    ],
    [
      'a flow mapping',
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  a: {\n  S3CR3T: x}',
    ],
    ['comments', 'apiVersion: v1\nkind: Secret\n# S3CR3T\nmetadata:\n  name: x\ndata:\n  # S3CR3T\n  a: b'],
    [
      'a last-applied annotation',
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n  annotations:\n    last: S3CR3T',
    ],
  ])('show nothing of a Secret in %s', (_, text) => {
    expect(shownManifest(text)).toContain('[masked]');
    expect(shownManifest(text)).not.toContain('S3CR3T');
  });

  it('keep what can be shown of a Secret', () => {
    expect(shownManifest(secret('x'))).toBe(
      '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: key\n  annotations: [masked]\ntype: Opaque\n' +
        'data:\n  a: [masked]\n  b: [masked]\nstringData:\n  multi: [masked]\n',
    );
  });
});

describe('a comparison of manifests', () => {
  it('is a unified diff an object', () => {
    const before = `${deployment('web:1')}${secret('one')}`;
    const after = `${deployment('web:2')}${secret('two')}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: new\n`;
    const found = compareManifests(before, after, { namespace: 'shop', labels });
    expect(found.map(({ change, object }) => `${change} ${object?.kind}`)).toEqual([
      'changed Deployment',
      'added ConfigMap',
      'changed Secret',
    ]);
    expect(found[0]?.diff).toBe(
      `--- apps/v1 Deployment shop/web (now)\n+++ apps/v1 Deployment shop/web (then)\n@@ -9,4 +9,4 @@\n     spec:\n` +
        `       containers:\n         - name: web\n-          image: "web:1"\n+          image: "web:2"`,
    );
    expect(found[2]?.diff).toContain('-  a: [masked]\n+  a: [masked: differs]\n   b: [masked]');
    expect(found[2]?.diff).not.toMatch(/one|two/);
  });

  it('is the same whatever the order of documents, and knows two of one name apart', () => {
    const other = '---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n';
    const names = { namespace: 'shop', labels };
    expect(compareManifests(`${deployment('a')}${other}`, `${other}${deployment('a')}`, names)).toEqual([]);
    expect(compareManifests(other, `${other}${other}`, names)).toMatchObject([{ change: 'added' }]);
  });

  it('tells what policy judges', () => {
    const role = '---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: all\n';
    const elsewhere = '---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: other\n';
    const { facts } = changeBetween(
      content(deployment('web:1')),
      content(`${deployment('web:2')}${secret('x')}${role}${elsewhere}`),
      { namespace: 'shop', labels },
    );
    expect(facts).toEqual({
      changes: [
        'changed apps/v1 Deployment shop/web',
        'added rbac.authorization.k8s.io/v1 ClusterRole _/all',
        'added v1 Secret shop/key',
        'added v1 Service other/web',
      ],
      namespaces: ['_', 'other', 'shop'],
      images: ['web:2'],
      replicas: 3,
      secret_objects: 1,
    });
    expect(facts.changes.map((change) => targetOfChange('main', change))).toEqual([
      'kubernetes:main/shop/deployment/web',
      null,
      null,
      'kubernetes:main/other/service/web',
    ]);
  });

  it.each([
    'admissionregistration.k8s.io/v1beta1 MutatingAdmissionPolicy',
    'certificates.k8s.io/v1 CertificateSigningRequest',
    'certificates.k8s.io/v1beta1 ClusterTrustBundle',
    'external-secrets.io/v1 ClusterSecretStore',
    'flowcontrol.apiserver.k8s.io/v1 FlowSchema',
    'networking.k8s.io/v1 ServiceCIDR',
    'resource.k8s.io/v1 DeviceClass',
    'storage.k8s.io/v1beta1 StorageClass',
    'v1 PersistentVolume',
  ])('takes %s for an object of the whole cluster, whatever namespace it claims', (kind) => {
    const [apiVersion, name] = kind.split(' ');
    const text = `apiVersion: ${apiVersion}\nkind: ${name}\nmetadata:\n  name: x\n  namespace: shop\n`;
    const { facts } = changeBetween(content(''), content(text), { namespace: 'shop', labels });
    expect(facts.namespaces).toEqual(['_', 'shop']);
  });

  it('names every image, and those that it can’t read so that no list allows them', () => {
    expect(
      imagesOf('a:\n  image: web:1\n  - image: "x/y@sha256:' + 'a'.repeat(64) + "\"\n  {image: 'z:2', b: c}"),
    ).toEqual(['web:1', `x/y@sha256:${'a'.repeat(64)}`, 'z:2']);
    expect(imagesOf('image: --privileged\nimage:\n  repository: web\nimagePullPolicy: Always')).toEqual([
      'unreadable: ',
      'unreadable: --privileged',
    ]);
    expect(replicasOf('replicas: 2\nmaxReplicas: 9\nminReplicas: 99')).toBe(9);
    expect(replicasOf('none: 1')).toBeNull();
  });

  it.each(['"im\\x61ge": evil:1', "'a': &i image\n*i : evil:1", '? image\n: evil:1', '<<: *container'])(
    'knows no image of %j and says so',
    (text) => {
      expect(imagesOf(`name: x\n${text}`)).toEqual([expect.stringMatching(/^unreadable: /)]);
    },
  );

  it.each([
    '1_000',
    '1e3',
    '0x3E8',
    '+1000',
    '1000.0',
    '!!int "1000"',
    '&a 1000',
    '*a',
    '\n  1000',
    '99999999999',
  ])('takes replicas of %j for the most there can be', (value) => {
    expect(replicasOf(`spec:\n  replicas: ${value}\n`)).toBe(100_000);
    expect(replicasOf(`spec:\n  minReplicas: 1\n  maxReplicas: ${value}\n`)).toBe(100_000);
  });

  it.each(['"replic\\x61s": 1000', '? replicas\n: 1000', '<<: *many'])(
    'takes %j for the most replicas there can be',
    (text) => {
      expect(replicasOf(`spec:\n  ${text}\n`)).toBe(100_000);
    },
  );

  it('takes the text of a ConfigMap for no keys', () => {
    const script =
      '---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a.js: |\n    x = y\n      ? 1\n      : 2;\n';
    const facts = (text: string) =>
      changeBetween(content(''), content(text), { namespace: 'shop', labels }).facts;
    expect(facts(`${deployment('web:1')}${script}`)).toMatchObject({ images: ['web:1'], replicas: 3 });
    expect(facts(`${deployment('web:1', '      <<: *x\n')}${script}`)).toMatchObject({
      images: ['unreadable: <<: *x', 'web:1'],
      replicas: 100_000,
    });
  });

  it.each(['"3"', "'3'", '3 # three', '3,', '3}'])('reads replicas of %j', (value) => {
    expect(replicasOf(`a: {b: c, replicas: ${value}`)).toBe(3);
  });

  it.each(['\n  type: integer', 'null', '~', '{type: integer}', ''])(
    'takes replicas of %j for none',
    (value) => {
      expect(replicasOf(`replicas: ${value}\nnext: 1`)).toBeNull();
    },
  );

  it('has no way back from hooks and definitions', () => {
    const hook = { name: 'migrate', kind: 'Job', path: 'p', manifest: '', events: ['pre-upgrade'] };
    const plain = content(deployment('web:1'));
    expect(irreversible([plain], [])).toBeNull();
    expect(irreversible([plain, { manifest: '', hooks: [hook] }], [])).toContain('Job migrate');
    expect(irreversible([{ manifest: '', hooks: [{ ...hook, events: ['test'] }] }], [])).toBeNull();
    expect(irreversible([plain], ['discounts.example'])).toContain('discounts.example');
    const definition =
      '---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: d\n';
    expect(irreversible([content(definition)], [])).toContain(' d,');
  });

  it('digests hooks with the manifest, whatever their order', () => {
    const hooks = ['a', 'b'].map((name) => ({
      name,
      kind: 'Job',
      path: name,
      manifest: name,
      events: ['test'],
    }));
    const digest = contentDigest({ manifest: 'm', hooks });
    expect(contentDigest({ manifest: 'm', hooks: hooks.toReversed() })).toBe(digest);
    expect(contentDigest({ manifest: 'm', hooks: [] })).not.toBe(digest);
  });

  it('waits as long as the slowest rollout may take', () => {
    expect(rolloutMs(content(secret('x')))).toBe(15_000);
    expect(rolloutMs(content(deployment('web:1')))).toBe(615_000);
    const quick = deployment('web:1').replace(
      '  replicas: 3',
      '  replicas: 3\n  progressDeadlineSeconds: 20',
    );
    expect(rolloutMs(content(quick))).toBe(35_000);
    expect(rolloutMs(content(`${quick}${deployment('web:1').replace('name: web', 'name: b')}`))).toBe(
      615_000,
    );
  });

  it('finds what has a rollout to follow', () => {
    expect(workloadsOf(content(`${deployment('web:1')}${secret('x')}`), 'shop')).toEqual([
      { kind: 'deployment', namespace: 'shop', name: 'web' },
    ]);
  });
});
