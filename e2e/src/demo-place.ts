import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { processesOf, runDemo, type DemoRun } from './demo-run.ts';
import { dropRoot, until } from './world.ts';

/** A directory of its own to run demos in, with a space in its name. */
export interface DemoPlace {
  readonly root: string;
  readonly directory: string;
  run(...args: readonly string[]): Promise<DemoRun>;
  /** Nothing runs any more, and nothing lies beside the demo's own directory. */
  expectClean(): Promise<void>;
  close(): void;
}

export function openDemoPlace(): DemoPlace {
  dropRoot();
  const root = mkdtempSync(join(tmpdir(), 'carapulse demo '));
  const directory = join(root, 'my demo');
  return {
    root,
    directory,
    run: (...args) => runDemo(directory, args),
    expectClean: async () => {
      await until('everything to end', async () => (processesOf(root).length === 0 ? true : null));
      expect(readdirSync(root)).toEqual(['my demo']);
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}
