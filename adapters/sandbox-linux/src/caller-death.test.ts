import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { eachCage } from './testing/each-cage.ts';
import { Lab, newToken, processesWith } from './testing/lab.ts';

const lab = await Lab.open();

afterAll(() => lab.close());

eachCage(lab, { kernels: false }, (cage) => {
  it('the whole tree ends when the process that asked for it is killed', async () => {
    const token = newToken();
    const script = '"$0" attempt survive 60 "$1"; echo ready; sleep 60';
    const [backend, namespaces] = [cage.name, String(cage.name.includes('with namespaces'))];
    const runner = join(import.meta.dirname, 'testing/run-until-killed.ts');
    const paths = [join(lab.dir, 'cache'), join(lab.dir, 'artefacts'), lab.dir];
    const caller = spawn(
      process.execPath,
      [runner, ...paths, backend, namespaces, '/bin/sh', '-c', script, lab.launcher, token],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    caller.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await vi.waitFor(() => expect(output).toContain('ready'), { timeout: 45_000, interval: 20 });
    expect(processesWith(token).length).toBeGreaterThanOrEqual(2);
    const gone = once(caller, 'exit');
    caller.kill('SIGKILL');
    await gone;
    await vi.waitFor(() => expect(processesWith(token)).toEqual([]), { timeout: 45_000, interval: 20 });
  });
});
