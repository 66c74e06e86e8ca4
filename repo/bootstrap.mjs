// Runs on whatever Node (20 or newer) the machine has: installs what the lock file names if it is missing or
// outdated, then hands over to the Node 24 that came with it. Plain JavaScript, no dependencies, on purpose.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.carapulse-installed');
const runtime = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');

const tasks = {
  carapulse: [['apps/carapulse/src/main.ts']],
  assistantctl: [['apps/assistantctl/src/main.ts']],
  check: [['repo/src/run-check.ts']],
  test: [['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--project', 'e2e']],
  'test:servers': [['node_modules/vitest/vitest.mjs', 'run', '--project', 'servers']],
  'test:e2e': [['node_modules/vitest/vitest.mjs', 'run', '--project', 'e2e']],
  'native:check': [['native/build.ts', '--check', '--once']],
  'servers:build': [['native/build-servers.ts']],
  testbed: [['examples/testbed/src/main.ts']],
  bench: [['bench/src/run-bench.ts']],
  generate: [['repo/src/run-generate.ts']],
  format: [['node_modules/oxfmt/bin/oxfmt', '.']],
};

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock && existsSync(runtime)) return;
  process.stderr.write('Installing dependencies (first run, about half a minute)…\n');
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.error?.code === 'ENOENT')
    fail('npm was not found on PATH; install npm 10 or newer and run this again.');
  if (done.status !== 0)
    fail(`npm ci failed in ${root}; the lines above say why. Run \`npm ci\` there to try again.`);
  if (!existsSync(runtime)) {
    fail(
      `Node 24 for ${process.platform}-${process.arch} was not installed (optional dependencies left out?). ` +
        'Carapulse runs on Linux with glibc, x64 or arm64; run `npm ci --include=optional`.',
    );
  }
  writeFileSync(stamp, lock);
}

const [task, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(tasks, task ?? ''))
  fail(`Unknown task ${task ?? '(none)'}; one of: ${Object.keys(tasks).join(', ')}`);
if (process.platform !== 'linux') fail(`Carapulse runs on Linux; this is ${process.platform}.`);
install();

for (const [index, command] of tasks[task].entries()) {
  const last = index === tasks[task].length - 1;
  const child = spawn(runtime, ['--disable-warning=ExperimentalWarning', ...command, ...(last ? rest : [])], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${dirname(runtime)}:${process.env.PATH ?? ''}`,
      CARAPULSE_INVOKED_FROM: process.cwd(),
    },
  });
  // The terminal sends Ctrl-C to the whole group: the child decides how to stop, this process only waits for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal === 'SIGINT' || child.kill(signal));
  const status = await new Promise((resolve) => {
    child.on('exit', (code, signal) =>
      resolve(signal === null ? code : 128 + (signal === 'SIGINT' ? 2 : 15)),
    );
  });
  if (status !== 0) process.exit(status);
}
