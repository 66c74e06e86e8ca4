import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlayground, type Playground } from '@carapulse/example-testbed';
import { AppError } from '@carapulse/kernel';
import type { DirectoryLock } from '@carapulse/store-postgres';
import { stopSignal } from '../commands/up.ts';
import { startAssistant, type AssistantProcess } from '../demo/assistant-process.ts';
import { claimDemoDirectory, emptyDemoDirectory } from '../demo/demo-directory.ts';
import type { DemoOptions } from '../demo/demo-options.ts';
import { dropRoot } from '../demo/drop-root.ts';
import { createNarrator } from '../demo/narrator.ts';
import type { Scene } from '../demo/stage.ts';
import { becomeAdministrator, installShop, type Administrator } from './administrator.ts';
import { clusterConfig, NAMESPACE } from './cluster-config.ts';
import { tellClusterStory } from './cluster-story.ts';

export interface ClusterDemoOptions extends Omit<DemoOptions, 'variant'> {
  readonly engine: 'embedded' | 'temporal';
}

const CHART_VERSION = '0.1.0';

/**
 * Tells of an upgrade that goes bad on a real Kubernetes API server, with Carapulse killed in its middle, on either
 * engine. Leaves nothing running. @returns the exit status: 0 only when everything that the story promises was seen.
 */
export async function runClusterDemo(options: ClusterDemoOptions): Promise<number> {
  const cancel = new AbortController();
  const stopped = stopSignal().then(() => cancel.abort());
  const tell = createNarrator(process.stdout, () => performance.now());
  const place = await mkdtemp(join(tmpdir(), 'carapulse-cluster-'));
  let playground: Playground | null = null;
  let administrator: Administrator | null = null;
  let assistant: AssistantProcess | null = null;
  let lock: DirectoryLock | null = null;
  try {
    await claimDemoDirectory(options.directory);
    const servers = ['cluster' as const, ...(options.engine === 'temporal' ? ['temporal' as const] : [])];
    tell.chapter(
      `A Kubernetes cluster${options.engine === 'temporal' ? ', Temporal' : ''} and Carapulse start`,
    );
    playground = await startPlayground({ directory: place, servers }, cancel.signal);
    const { cluster } = playground;
    if (cluster === null) throw new AppError('internal', 'The test bed started no cluster.');
    administrator = await becomeAdministrator(cluster);
    await installShop(administrator);
    dropRoot(options.directory);
    lock = await emptyDemoDirectory(options.directory, cancel.signal);
    const kubeconfig = await administrator.moveInto(options.directory);
    tell.line(`cluster    ${cluster.access.server}, two nodes; a small program plays their kubelets`);
    if (playground.temporal !== null) tell.line(`temporal   ${playground.temporal.address}`);
    const { programs } = administrator;
    const config = await clusterConfig(options.directory, programs, playground, cluster.access, options.port);
    const start = (): Promise<AssistantProcess> => startAssistant(options.directory, config, cancel.signal);
    assistant = await start();
    tell.line(`carapulse  ${assistant.url}, data in ${options.directory}`);
    const stage: Scene = {
      options,
      tell,
      assistant,
      signal: cancel.signal,
      restart: async () => {
        stage.assistant = await start();
        assistant = stage.assistant;
      },
    };
    const seen = await tellClusterStory(stage, administrator, CHART_VERSION);
    if (!seen) tell.bad('The story did not end as it should; the log in the directory tells more.');
    if (!options.exit) {
      tell.chapter('It stays up for you; Ctrl-C ends it');
      const at = `--directory '${options.directory}'`;
      tell.block([
        `${programs}/kubectl --kubeconfig '${kubeconfig}' -n ${NAMESPACE} get all`,
        `${programs}/helm --kubeconfig '${kubeconfig}' -n ${NAMESPACE} history shop`,
        `npm run assistantctl -- workflow list ${at}`,
        `npm run assistantctl -- workflow show scale-service ${at}`,
        `npm run assistantctl -- exec list ${at}`,
      ]);
      await stopped;
    }
    return seen ? 0 : 1;
  } catch (error) {
    if (cancel.signal.aborted) return 130;
    throw error;
  } finally {
    await assistant?.stop();
    await playground?.stop();
    await administrator?.leave().catch(() => undefined);
    lock?.release();
    await rm(place, { recursive: true, force: true }).catch(() => undefined);
  }
}
