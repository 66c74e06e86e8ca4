import { PROXY_MARK } from '../sandbox.ts';
import type { SandboxFile } from '../sandbox.ts';
import type { Cluster } from './cluster-settings.ts';

/**
 * The kubeconfig of one call, as a file of its command: no credential is on a command line. The proxy is named in it
 * because Go's clients take none from the environment for a server on the loopback.
 */
export function kubeconfigFile(scratch: string, cluster: Cluster, token: string): SandboxFile {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster.name,
    contexts: [{ name: cluster.name, context: { cluster: cluster.name, user: 'carapulse' } }],
    clusters: [
      {
        name: cluster.name,
        cluster: {
          server: cluster.server,
          'certificate-authority-data': Buffer.from(cluster.ca).toString('base64'),
          'proxy-url': PROXY_MARK,
        },
      },
    ],
    users: [{ name: 'carapulse', user: { token } }],
  };
  // JSON is YAML.
  return { path: `${scratch}/kubeconfig`, text: `${JSON.stringify(config)}\n` };
}
