import { expect, test } from 'vitest';
import { assertNotOwned, autoscalerOwns, managersOf, ownerOf } from './field-owner.ts';
import { Metadata } from './object-shapes.ts';

const REPLICAS = ['f:spec', 'f:replicas'] as const;

function owned(manager: string, fieldsV1: unknown, marks: object = {}): Metadata {
  return Metadata.parse({
    name: 'web',
    uid: 'u',
    managedFields: [{ manager, operation: 'Update', fieldsV1 }],
    ...marks,
  });
}

test.each([
  ['argocd-controller', 'Argo CD'],
  ['argocd-application-controller', 'Argo CD'],
  ['kustomize-controller', 'Flux'],
  ['helm-controller', 'Flux'],
  ['helm', 'Helm'],
])('a field of %s belongs to %s', (manager, owner) => {
  expect(ownerOf(owned(manager, { 'f:spec': { 'f:replicas': {} } }), REPLICAS)).toMatchObject({
    owner,
    by: `field manager ${manager}`,
  });
  expect(ownerOf(owned(manager, { 'f:spec': { 'f:template': {} } }), REPLICAS)).toBeNull();
});

test.each(['kubectl', 'kubectl-edit', 'carapulse', 'kube-controller-manager', 'helmet', 'my-argocd'])(
  'a field that %s wrote belongs to nobody who would set it back',
  (manager) => {
    expect(ownerOf(owned(manager, { 'f:spec': { 'f:replicas': {} } }), REPLICAS)).toBeNull();
  },
);

test('an object that Argo CD or Flux tracks is theirs as a whole, unless one field is asked about', () => {
  const marks: Array<[object, string]> = [
    [{ annotations: { 'argocd.argoproj.io/tracking-id': 'a' } }, 'Argo CD'],
    [{ labels: { 'argocd.argoproj.io/instance': 'a' } }, 'Argo CD'],
    [{ labels: { 'kustomize.toolkit.fluxcd.io/name': 'a' } }, 'Flux'],
    [{ labels: { 'helm.toolkit.fluxcd.io/name': 'a' } }, 'Flux'],
  ];
  for (const [mark, owner] of marks) {
    const metadata = owned('kubectl', { 'f:spec': { 'f:replicas': {} } }, mark);
    expect(ownerOf(metadata, REPLICAS)).toMatchObject({ owner });
    expect(ownerOf(metadata, REPLICAS, { whole: false })).toBeNull();
  }
});

test('one container’s image is told from another’s', () => {
  const containers = { 'k:{"name":"web"}': { 'f:image': {} } };
  const metadata = owned('helm', {
    'f:spec': { 'f:template': { 'f:spec': { 'f:containers': containers } } },
  });
  const imageOf = (name: string) =>
    ['f:spec', 'f:template', 'f:spec', 'f:containers', `k:${JSON.stringify({ name })}`, 'f:image'] as const;
  expect(ownerOf(metadata, imageOf('web'))).toMatchObject({ owner: 'Helm' });
  expect(ownerOf(metadata, imageOf('side'))).toBeNull();
});

test('fields that can’t be read are nobody’s, and managers are told with the subresource', () => {
  expect(managersOf(owned('helm', null), REPLICAS)).toEqual([]);
  expect(managersOf(owned('helm', { 'f:spec': 'odd' }), REPLICAS)).toEqual([]);
  const scaled = {
    managedFields: [
      { manager: 'kubectl', subresource: 'scale', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ],
  };
  expect(managersOf(owned('', {}, scaled), REPLICAS)).toEqual(['kubectl/scale']);
});

test('the refusal says whose it is and what to do instead', () => {
  expect(() => assertNotOwned('deployment shop/web', 'spec.replicas', autoscalerOwns('web'))).toThrow(
    /spec\.replicas of deployment shop\/web belongs to HorizontalPodAutoscaler .*change the autoscaler/,
  );
  assertNotOwned('it', 'it', null);
});
