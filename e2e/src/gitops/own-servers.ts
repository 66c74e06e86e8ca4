import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';

/** Argo CD on a cluster, and a repository that it deploys from. */
export interface GitOpsServers {
  readonly url: string;
  readonly tokens: { readonly carapulse: string; readonly reader: string; readonly operator: string };
  readonly repository: {
    /** A bare repository on this machine. */
    readonly path: string;
    /** The same as Argo CD reaches it. */
    readonly url: string;
    readonly revision: string;
  };
}

/** Why they can't be had here; empty when they can. @throws Error in CI, where they must be. */
export async function missingForGitOps(): Promise<readonly string[]> {
  const entries = ['cluster', 'git', 'argocd'].map((name) => TESTBED_SERVERS[name]);
  const missing = await Promise.all(
    entries.map(async (entry) => (entry === undefined ? ['a server'] : missingOf(entry))),
  );
  const all = missing.flat();
  if (all.length > 0 && process.env['CI'] === 'true') throw new Error(all.join('\n'));
  return all;
}

/**
 * The servers, in a process of their own, so that a test which gives up root's rights meanwhile can still end them.
 * @param files of the repository's first commit; anybody may push to it.
 */
export async function ownServers(
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<GitOpsServers & { readonly stop: () => Promise<void> }> {
  const child = fork(join(import.meta.dirname, 'servers-child.ts'), [name, JSON.stringify(files)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const [first] = (await Promise.race([once(child, 'message'), ended])) as [GitOpsServers | number | null];
  if (typeof first !== 'object' || first === null) throw new Error(`The servers ended with ${first}.`);
  return {
    ...first,
    stop: async () => {
      child.disconnect();
      await ended;
    },
  };
}
