import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LinuxSandbox } from './open-sandbox.ts';
import { Lab } from './testing/lab.ts';
import { runProgram } from './testing/run-program-suite.ts';

await runProgram((options) => Lab.open(options));

const lab = await Lab.open();

afterAll(() => lab.close());

it('with no backend nothing runs, and the status says what to do', async () => {
  const options = {
    cacheDir: join(lab.dir, 'cache'),
    artefactsDir: join(lab.dir, 'artefacts'),
    tempDir: lab.dir,
  };
  const signal = AbortSignal.timeout(10_000);
  const sandbox = await LinuxSandbox.open({ ...options, backends: ['gvisor'] }, signal);
  expect(sandbox.status()).toMatchObject({ backend: null, unavailable: [{ backend: 'gvisor' }] });
  await expect(sandbox.run(lab.command(['true']), { signal })).rejects.toMatchObject({
    code: 'sandbox_unavailable',
  });
  const open = await LinuxSandbox.open({ ...options, backends: ['gvisor'], allowUnsandboxed: true }, signal);
  expect(open.status().backend).toBe('none');
  expect(await open.run(lab.command(['true']), { signal })).toMatchObject({ exitCode: 0 });
});
