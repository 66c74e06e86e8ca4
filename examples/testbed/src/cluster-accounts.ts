import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Cluster } from './start-cluster.ts';

/** What an installation is given of a cluster, as `connectors.<tool>.clusters.<name>` has it. */
export interface ClusterAccess {
  readonly server: string;
  readonly ca: string;
  readonly uid: string;
  readonly egress: 'private';
  readonly namespaces: '*';
  readonly token: string;
  readonly write_account: { readonly namespace: string; readonly name: string };
}

const NAMESPACE = 'carapulse';
const WRITTEN = ['deployments', 'statefulsets', 'daemonsets', 'configmaps', 'services', 'secrets'];

/** An account that reads, tries writes in dry runs only, and may ask for tokens of the one that writes. */
function accounts(): object[] {
  const meta = (name: string, namespace?: string) => ({ name, ...(namespace && { namespace }) });
  const rbac = 'rbac.authorization.k8s.io';
  const role = (name: string, rules: object[]) => ({
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: meta(name),
    rules,
  });
  const account = (name: string) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta(name, NAMESPACE),
  });
  const binding = (name: string, to: string) => ({
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: meta(name),
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: to, namespace: NAMESPACE }],
  });
  const groups = ['', 'apps', 'batch', 'autoscaling', 'policy', 'networking.k8s.io', 'storage.k8s.io'];
  const read = { apiGroups: groups, resources: ['*'], verbs: ['get', 'list', 'watch'] };
  const write = {
    apiGroups: ['', 'apps'],
    resources: WRITTEN,
    verbs: ['create', 'patch', 'update', 'delete'],
  };
  const admission = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: meta('carapulse-reader') };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: meta(NAMESPACE) },
    account('reader'),
    account('writer'),
    role('carapulse-reader', [
      read,
      write,
      { apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['writer'], verbs: ['create'] },
    ]),
    role('carapulse-writer', [read, write]),
    binding('carapulse-reader', 'reader'),
    binding('carapulse-writer', 'writer'),
    {
      ...admission,
      kind: 'ValidatingAdmissionPolicy',
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ['', 'apps'],
              apiVersions: ['*'],
              operations: ['CREATE', 'UPDATE', 'DELETE'],
              resources: WRITTEN,
            },
          ],
        },
        matchConditions: [
          {
            name: 'reader',
            expression: `request.userInfo.username == 'system:serviceaccount:${NAMESPACE}:reader'`,
          },
        ],
        validations: [
          {
            expression: 'has(request.dryRun) && request.dryRun',
            message: 'the reader writes in dry runs only',
          },
        ],
      },
    },
    {
      ...admission,
      kind: 'ValidatingAdmissionPolicyBinding',
      spec: { policyName: 'carapulse-reader', validationActions: ['Deny'] },
    },
  ];
}

/** Makes the accounts in a cluster of the test bed. */
export async function giveAccess(cluster: Cluster): Promise<ClusterAccess> {
  const admin = async (args: readonly string[], stdin = ''): Promise<string> => {
    const running = promisify(execFile)(cluster.kubectl, [`--kubeconfig=${cluster.kubeconfig}`, ...args]);
    running.child.stdin?.end(stdin);
    return (await running).stdout.trim();
  };
  await admin(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: accounts() }));
  return {
    server: cluster.url,
    ca: cluster.caData,
    uid: await admin(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']),
    egress: 'private',
    namespaces: '*',
    token: await admin(['-n', NAMESPACE, 'create', 'token', 'reader', '--duration=24h']),
    write_account: { namespace: NAMESPACE, name: 'writer' },
  };
}
