// Runs one bench file in a process of its own, so that no bench inherits another's heap or warm code.
import { toAppError } from '@carapulse/kernel';
import type { Bench } from './measurement.ts';

/** What the child tells its parent: first who it is, then how it went. */
export type BenchMessage =
  | { readonly kind: 'about'; readonly name: string; readonly peer: string; readonly rounds: number }
  | { readonly kind: 'measured'; readonly rows: Awaited<ReturnType<Bench['run']>> }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

const tell = (message: BenchMessage): boolean | undefined => process.send?.(message);

const { bench } = (await import(process.argv[2] ?? '')) as { readonly bench: Bench };
tell({ kind: 'about', name: bench.name, peer: bench.peer, rounds: bench.rounds ?? 3 });
try {
  tell({ kind: 'measured', rows: await bench.run() });
} catch (error) {
  const { code, message } = toAppError(error);
  const known = code === 'internal' && error instanceof Error ? (error.stack ?? error.message) : message;
  tell({ kind: 'failed', code, message: known });
}
process.disconnect();
