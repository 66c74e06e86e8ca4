import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { eachCage } from './each-cage.ts';
import { type OpenLab } from './lab.ts';

/** One suite of the sandbox's port, in each backend of a lab. */
export async function escapeFiles(open: OpenLab): Promise<void> {
  const lab = await open();
  const secret = join(lab.outside, 'secret');
  const planted = join(lab.outside, 'planted');

  afterAll(() => lab.close());

  beforeEach(() => {
    rmSync(lab.outside, { recursive: true, force: true });
    rmSync(lab.inside, { recursive: true, force: true });
    mkdirSync(lab.outside);
    mkdirSync(lab.inside);
    writeFileSync(secret, 'root:$6$not-for-you');
    chmodSync(secret, 0o644);
  });

  eachCage(lab, { kernels: true }, (cage) => {
    it('does not read a file outside its mounts', async () => {
      expect((await lab.free('read-file', secret)).escaped).toBe(true);
      const caged = await lab.caged(cage, ['read-file', secret]);
      expect(caged.text).toMatch(/^read-file: held: .*(permission denied|no such file)/);
    });

    it('does not list a directory outside its mounts', async () => {
      expect((await lab.free('list-directory', lab.outside)).escaped).toBe(true);
      expect((await lab.caged(cage, ['list-directory', lab.outside])).text).toMatch(/^list-directory: held/);
    });

    it('does not write outside its mounts, but does inside', async () => {
      expect((await lab.free('write-file', planted)).escaped).toBe(true);
      rmSync(planted);
      expect((await lab.caged(cage, ['write-file', planted])).escaped).toBe(false);
      expect(existsSync(planted)).toBe(false);
      expect((await lab.caged(cage, ['write-file', join(lab.inside, 'mine')])).escaped).toBe(true);
      expect(readFileSync(join(lab.inside, 'mine'), 'utf8')).toBe('escaped');
    });

    it('does not write into a read-only mount, by content, mode, time or name', async () => {
      const mounts = [
        { path: lab.outside, mode: 'ro' as const },
        { path: lab.inside, mode: 'rw' as const },
        { path: lab.launcher, mode: 'ro' as const },
      ];
      expect((await lab.caged(cage, ['read-file', secret], { mounts })).escaped).toBe(true);
      for (const attempt of [
        ['write-file', secret],
        ['write-file', planted],
        ['truncate-file', secret],
        ['change-mode', secret],
        ['open-mode', secret],
        ['change-time', secret],
        ['hard-link', secret, join(lab.inside, 'link')],
      ]) {
        const caged = await lab.caged(cage, attempt, { mounts });
        expect(caged.text).toMatch(new RegExp(`^${attempt[0]}: held: `));
      }
      expect(readFileSync(secret, 'utf8')).toBe('root:$6$not-for-you');
      expect(statSync(secret).mode & 0o777).toBe(0o644);
    });

    it.each([['truncate-file'], ['change-mode'], ['change-time']])(
      'does not %s outside its mounts',
      async (name) => {
        const before = statSync(secret);
        expect((await lab.caged(cage, [name, secret])).text).toMatch(/: held: /);
        const after = statSync(secret);
        expect([after.size, after.mode, after.mtimeMs]).toEqual([before.size, before.mode, before.mtimeMs]);
        expect((await lab.free(name, secret)).escaped).toBe(true);
      },
    );

    it('does not link a file outside into its mount', async () => {
      expect((await lab.free('hard-link', secret, join(lab.inside, 'free'))).escaped).toBe(true);
      expect((await lab.caged(cage, ['hard-link', secret, join(lab.inside, 'caged')])).escaped).toBe(false);
      expect(existsSync(join(lab.inside, 'caged'))).toBe(false);
    });

    it('changes modes and times of its own files', async () => {
      const mine = join(lab.inside, 'mine');
      writeFileSync(mine, '');
      expect((await lab.caged(cage, ['change-mode', mine])).text).toBe('change-mode: escaped\n');
      expect((await lab.caged(cage, ['change-time', mine])).text).toBe('change-time: escaped\n');
      expect(statSync(mine).mode & 0o777).toBe(0o777);
      expect(statSync(mine).mtimeMs).toBe(1000);
    });

    it('does not follow a link it swaps in while it writes and changes modes', async () => {
      const target = join(lab.outside, 'target');
      const landed = join(lab.outside, 'escaped');
      writeFileSync(target, '');
      chmodSync(target, 0o600);
      const won = (): boolean => existsSync(landed) && (statSync(target).mode & 0o777) === 0o777;
      // Outside the sandbox the race is won sooner or later; on a busy machine one run may lose it.
      for (let run = 0; run < 40 && !won(); run += 1) await lab.free('symlink-race', lab.inside, lab.outside);
      expect(won()).toBe(true);
      rmSync(landed);
      chmodSync(target, 0o600);
      const caged = await lab.caged(cage, ['symlink-race', lab.inside, lab.outside]);
      expect(caged.result?.exitCode).toBe(1);
      expect(existsSync(landed)).toBe(false);
      expect(statSync(target).mode & 0o777).toBe(0o600);
    });
  });
}
