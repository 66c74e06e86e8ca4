import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const NOBODY = 65_534;
let root: string;
let checkout: string;
let directory: string;
let main: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse drop root '));
  chmodSync(root, 0o755);
  checkout = join(root, 'home', 'checkout');
  main = join(checkout, 'apps', 'carapulse', 'src', 'main.ts');
  directory = join(root, 'data', 'demo');
  mkdirSync(dirname(main), { recursive: true });
  writeFileSync(main, '');
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o777);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What somebody without root's rights is told. */
function told(): string {
  const script = `
    import { assertReachable } from ${JSON.stringify(join(import.meta.dirname, 'drop-root.ts'))};
    try { assertReachable(${JSON.stringify(checkout)}, ${JSON.stringify(directory)}); } catch (error) { console.log(error.message); }`;
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: '/',
    ...(process.getuid?.() === 0 && { uid: NOBODY, gid: NOBODY }),
  });
  expect(done).toMatchObject({ status: 0, stderr: '' });
  return done.stdout.trim();
}

test('nothing, when checkout and directory can be reached', () => {
  expect(told()).toBe('');
});

test.each([
  ['a home that is closed', () => dirname(checkout), () => `chmod o+x '${dirname(checkout)}'`],
  ['a closed folder of the checkout', () => join(checkout, 'apps'), () => `chmod -R o+rX '${checkout}'`],
  ['a file that nobody can read', () => main, () => `chmod -R o+rX '${checkout}'`],
  [
    'a closed folder on the way to the demo',
    () => join(root, 'data'),
    () => `chmod o+x '${join(root, 'data')}'`,
  ],
])('which directory is in the way, and what to type: %s', (_what, closed, command) => {
  const path = closed();
  chmodSync(path, path === main ? 0o200 : 0o600);
  try {
    expect(told()).toContain(`${path} keeps others out. Run \`${command()}\``);
  } finally {
    chmodSync(path, 0o700);
  }
});
