import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startArgocd, startCluster, startGitServer } from '@carapulse/example-testbed';
import type { GitOpsServers } from './own-servers.ts';

const [name = '', files = '{}'] = process.argv.slice(2);
const signal = AbortSignal.timeout(150_000);
const directory = await mkdtemp(join(tmpdir(), 'carapulse-gitops-'));
const at = async (part: string) => {
  await mkdir(join(directory, part));
  return { directory: join(directory, part), signal };
};
const cluster = await startCluster(await at('cluster'));
const git = await startGitServer(await at('git'));
const argocd = await startArgocd({ ...(await at('argocd')), cluster });
const revision = await git.createRepository(name, JSON.parse(files) as Record<string, string>);
// Git's daemon serves what is its own; a test that is nobody by then pushes to it all the same.
await chmod(directory, 0o755);
await promisify(execFile)('chmod', ['-R', 'a+rwX', git.pathOf(name)]);
const servers: GitOpsServers = {
  url: argocd.url,
  tokens: argocd.tokens,
  repository: { path: git.pathOf(name), url: git.urlOf(name), revision },
};
process.send?.(servers);
process.once('disconnect', () => {
  void (async () => {
    await argocd.stop();
    await git.stop();
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  })();
});
