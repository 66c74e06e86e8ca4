/**
 * Runs the whole gate: format, lint, types, generated files, and the unit tests, the repository's own rules among
 * them. Every part runs; exit status 1 if one failed. Its arguments go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

const parts: ReadonlyArray<readonly [name: string, command: string, args: readonly string[]]> = [
  ['format', bin('oxfmt'), ['--check', '.']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['types', bin('tsc'), ['-p', '.']],
  ['generated files', process.execPath, [join(root, 'repo', 'src', 'run-generate.ts'), '--check']],
  ['unit tests', bin('vitest'), ['run', '--project', 'unit', ...process.argv.slice(2)]],
];

const failed: string[] = [];
for (const [name, command, args] of parts) {
  const startedAt = performance.now();
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stderr.write(`check: ${name} ${done.status === 0 ? 'ok' : 'FAILED'} (${seconds} s)\n`);
  if (done.status !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stderr.write(`check: failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
