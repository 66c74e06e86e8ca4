import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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
const ACCOUNTS = fileURLToPath(new URL('../accounts.yaml', import.meta.url));

/** Makes the accounts in a cluster of the test bed. */
export async function giveAccess(cluster: Cluster): Promise<ClusterAccess> {
  const admin = async (args: readonly string[]): Promise<string> => {
    const whole = [`--kubeconfig=${cluster.kubeconfig}`, ...args];
    return (await promisify(execFile)(cluster.kubectl, whole)).stdout.trim();
  };
  await admin(['apply', '-f', ACCOUNTS]);
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
