// A production as a process of its own. It lives while somebody holds it: the process that started it, by the channel,
// or a handle that attached. When nobody does for `lingerMs`, it ends, so that nothing is ever left running.
import { toAppError, type AppErrorCode } from '@carapulse/kernel';
import { createProduction } from './production.ts';
import { claimDirectory, publishState, releaseDirectory } from './production-state.ts';

export interface ProductionProcessArguments {
  readonly directory: string;
  readonly lingerMs: number;
}

export type ProductionProcessMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly code: AppErrorCode; readonly message: string };

const { directory, lingerMs }: ProductionProcessArguments = JSON.parse(process.argv[2] ?? '{}');
const ending = new AbortController();
let attachments = 0;
let timer: NodeJS.Timeout | undefined;

function review(): void {
  clearTimeout(timer);
  if (process.connected || attachments > 0) return;
  timer = setTimeout(() => ending.abort(), lingerMs);
}

function tell(message: ProductionProcessMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

async function run(): Promise<void> {
  await claimDirectory(directory);
  try {
    const production = await createProduction({ directory, signal: ending.signal });
    const stopped = new Promise<void>((resolve) => production.events.once('stopped', resolve));
    production.onAttachments((count) => {
      attachments = count;
      review();
    });
    const { repository, endpoints, controlToken } = production;
    await publishState(directory, { repository, endpoints, controlToken });
    await tell({ kind: 'ready' });
    await stopped;
  } finally {
    await releaseDirectory(directory);
  }
}

process.on('disconnect', review);
process.on('SIGINT', () => ending.abort());
process.on('SIGTERM', () => ending.abort());
review();

try {
  await run();
  process.exit(0);
} catch (error) {
  const { code, message } = toAppError(error);
  await tell({ kind: 'failed', code, message });
  process.exit(1);
}
