/** Runs the whole gate: format, lint, types, boundaries, unit tests. Stops at the first part that fails. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

const parts: ReadonlyArray<readonly [name: string, command: string, args: readonly string[]]> = [
  ['format', bin('oxfmt'), ['--check', '.']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['types', bin('tsc'), ['-p', '.']],
  ['unit tests', bin('vitest'), ['run', '--project', 'unit']],
];

for (const [name, command, args] of parts) {
  const startedAt = performance.now();
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (done.status !== 0) {
    process.stderr.write(`check: ${name} failed after ${seconds} s\n`);
    process.exit(1);
  }
  process.stderr.write(`check: ${name} ok (${seconds} s)\n`);
}
