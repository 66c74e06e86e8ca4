import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProductionProcess, type ProductionHandle } from '@carapulse/example-production';
import type { DirectoryLock } from '@carapulse/store-postgres';
import { stopSignal } from '../commands/up.ts';
import { installationPaths } from '../installation/installation-paths.ts';
import { startAssistant, type AssistantProcess } from './assistant-process.ts';
import { demoConfig } from './demo-config.ts';
import { claimDemoDirectory, emptyDemoDirectory } from './demo-directory.ts';
import type { DemoOptions } from './demo-options.ts';
import { dropRoot } from './drop-root.ts';
import { createNarrator } from './narrator.ts';
import type { Stage } from './stage.ts';
import { STORIES } from './stories.ts';

/**
 * Tells a story with a real little production and a real Carapulse, both below `options.directory`, and leaves nothing
 * running. @returns the exit status: 0 only when everything that the story promises was seen.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const cancel = new AbortController();
  const stopped = stopSignal().then(() => cancel.abort());
  const tell = createNarrator(process.stdout, () => performance.now());
  let production: ProductionHandle | null = null;
  let assistant: AssistantProcess | null = null;
  let lock: DirectoryLock | null = null;
  try {
    await claimDemoDirectory(options.directory);
    dropRoot(options.directory);
    lock = await emptyDemoDirectory(options.directory, cancel.signal);
    tell.chapter('A little production and Carapulse start');
    production = await startProductionProcess({
      directory: join(options.directory, 'production'),
      signal: cancel.signal,
    });
    const running = production;
    tell.line(`checkout   ${production.endpoints.checkout}/checkout, deployed from ${production.repository}`);
    const start = async (): Promise<AssistantProcess> => {
      const started = await startAssistant(
        options.directory,
        demoConfig(running, options.port),
        cancel.signal,
      );
      const token = await readFile(
        join(installationPaths(options.directory).identities, 'alertmanager.token'),
        'utf8',
      );
      await running.setAlertReceiver({ url: `${started.url}/v1/hooks/alertmanager`, token }, cancel.signal);
      return started;
    };
    assistant = await start();
    tell.line(`carapulse  ${assistant.url}, data in ${options.directory}`);
    const stage: Stage = {
      options,
      tell,
      production,
      assistant,
      signal: cancel.signal,
      restart: async () => {
        stage.assistant = await start();
        assistant = stage.assistant;
      },
    };
    const seen = await STORIES[options.variant](stage);
    if (!seen) tell.bad('The story did not end as it should; the log in the directory tells more.');
    if (!options.exit && options.variant !== 'tamper') await stayUp(stage, stopped);
    return seen ? 0 : 1;
  } catch (error) {
    if (cancel.signal.aborted) return 130;
    throw error;
  } finally {
    await assistant?.stop();
    await production?.stop();
    lock?.release();
  }
}

async function stayUp({ tell, assistant, options }: Stage, stopped: Promise<void>): Promise<void> {
  tell.chapter('It stays up for you; Ctrl-C ends it');
  const at = `--directory '${options.directory}'`;
  tell.block([
    `npm run assistantctl -- plan list ${at}`,
    `npm run assistantctl -- incident list ${at}`,
    `npm run assistantctl -- audit list ${at}`,
    `${assistant.url}/openapi.json`,
  ]);
  await stopped;
}
