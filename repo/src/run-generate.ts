/** Writes what is generated: openapi.json, the client's types, the configuration's JSON Schema. `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './generated-files.ts';

const root = join(import.meta.dirname, '..', '..');
const check = process.argv.includes('--check');
let stale = 0;
for (const [path, content] of generatedFiles()) {
  const full = join(root, path);
  if (!check) {
    writeFileSync(full, content);
  } else if (current(full) !== content) {
    process.stderr.write(`${path} is not what its sources give; run \`npm run generate\` and commit it\n`);
    stale += 1;
  }
}
process.exitCode = stale > 0 ? 1 : 0;

function current(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
