import { LinuxSandbox } from '../open-sandbox.ts';

// Started by the test of the caller's death: runs one command in the backend it is told and waits for it.
const [cacheDir = '', artefactsDir = '', dir = '', backend = '', namespaces = '', ...argv] =
  process.argv.slice(2);
const [program = '', ...words] = argv;
const { signal } = new AbortController();
const sandbox = await LinuxSandbox.open(
  {
    cacheDir,
    artefactsDir,
    tempDir: dir,
    backends: [backend === 'bubblewrap' ? 'bubblewrap' : 'launcher'],
    namespaces: namespaces === 'true',
  },
  signal,
);
await sandbox.run(
  {
    argv: [program, ...words],
    cwd: dir,
    env: {},
    mounts: [{ path: dir, mode: 'ro' }],
    egress: [],
    limits: { wallMs: 60_000, memoryBytes: 2 ** 28, pids: 64, outputBytes: 65_536 },
  },
  { signal, onOutput: ({ text }) => process.stdout.write(text) },
);
