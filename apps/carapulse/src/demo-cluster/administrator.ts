import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CHARTS, type Playground } from '@carapulse/example-testbed';
import { AppError } from '@carapulse/kernel';
import { NAMESPACE } from './cluster-config.ts';

const run = promisify(execFile);

/** The person who has full rights on the cluster, and uses kubectl and helm by hand. */
export interface Administrator {
  /** A folder with `kubectl` and `helm` that everybody on this machine may run. */
  readonly programs: string;
  kubectl(args: readonly string[]): Promise<string>;
  helm(args: readonly string[]): Promise<string>;
  /** Keeps the credentials in a file of whoever this process is now. */
  moveInto(directory: string): Promise<string>;
  leave(): Promise<void>;
}

/** Called with the rights of whoever owns the built programs; what it makes can be used with fewer. */
export async function becomeAdministrator(facts: NonNullable<Playground['cluster']>): Promise<Administrator> {
  const programs = await mkdtemp(join(tmpdir(), 'carapulse-programs-'));
  await chmod(programs, 0o755);
  for (const name of ['kubectl', 'helm'] as const) {
    await copyFile(facts[name], join(programs, name));
    await chmod(join(programs, name), 0o755);
  }
  const credentials = await readFile(facts.kubeconfig, 'utf8');
  let { kubeconfig } = facts;
  let home = programs;
  const by = (name: 'kubectl' | 'helm') => async (args: readonly string[]) => {
    const env = { PATH: '/usr/bin:/bin', HOME: home, KUBECONFIG: kubeconfig };
    try {
      return (await run(join(programs, name), [...args], { env, maxBuffer: 1e8 })).stdout.trim();
    } catch (error) {
      const said = String((error as { stderr?: string }).stderr ?? error).trim();
      throw new AppError('tool_failed', `${name} ${args.join(' ')} failed: ${said}`, { cause: error });
    }
  };
  return {
    programs,
    kubectl: by('kubectl'),
    helm: by('helm'),
    moveInto: async (directory) => {
      home = join(directory, 'administrator');
      await mkdir(home, { mode: 0o700 });
      kubeconfig = join(home, 'kubeconfig');
      await writeFile(kubeconfig, credentials, { mode: 0o600 });
      return kubeconfig;
    },
    leave: () => rm(programs, { recursive: true, force: true }),
  };
}

/** The release that alice will want to upgrade. */
export async function installShop(administrator: Administrator): Promise<void> {
  // The smallest wait that tells a rollout which stands still from one that is slow, so that nobody waits ten minutes.
  const values = ['--set', 'progressDeadlineSeconds=20'];
  const place = ['--namespace', NAMESPACE, '--create-namespace', '--wait', '--timeout', '60s'];
  await administrator.helm(['install', 'shop', CHARTS.shop, ...place, ...values]);
}
