/**
 * The real composition as a process that can be killed at an exact durable write. Owner: the test that spawned it.
 * Boundary: IPC. Invariants: 1. Counting begins with `arm`. 2. The signal is raised inside the write's own hook, so
 * that nothing of this process runs after it.
 */
import { appendFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Where main.ts keeps it: Node's own choice is a directory that whoever came first may have kept for themselves.
enableCompileCache(join(homedir(), '.cache', 'carapulse', 'compiled'));
const { Config, createRuntime, startCarapulse } = await import('@carapulse/carapulse/composition');
const { toAppError } = await import('@carapulse/kernel');

export interface Arming {
  readonly kind: 'arm';
  /** 1 for the next durable write; null only counts. */
  readonly at: number | null;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}
export type FromWorker =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'armed' }
  | { readonly kind: 'counted'; readonly writes: number };

const [directory = '', config = '{}'] = process.argv.slice(2);
const tell = (message: FromWorker): void => void process.send?.(message);
let writes = 0;
let armed: Arming | null = null;

process.on('message', (message: Arming | { readonly kind: 'count' }) => {
  if (message.kind === 'count') return tell({ kind: 'counted', writes });
  writes = 0;
  armed = message;
  return tell({ kind: 'armed' });
});

const parsed = Config.parse(JSON.parse(config));
try {
  const running = await startCarapulse({
    ...createRuntime(parsed, (line) => appendFileSync(join(directory, 'worker.log'), line)),
    directory,
    config: parsed,
    onSync: () => {
      if (armed === null) return;
      writes += 1;
      if (writes === armed.at) process.kill(process.pid, armed.signal);
    },
  });
  // Who is killed leaves nothing for its successor otherwise.
  flushCompileCache();
  tell({ kind: 'ready', url: running.url });
  const stop = (): void => void running.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
  void running.lost.then(stop);
} catch (error) {
  const { code, message } = toAppError(error);
  tell({ kind: 'failed', code, message });
  process.exitCode = 1;
  process.disconnect?.();
}
