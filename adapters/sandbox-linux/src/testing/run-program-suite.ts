import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandSpec } from '@carapulse/tools';
import { afterAll, expect, it } from 'vitest';
import { eachCage } from './each-cage.ts';
import { type OpenLab } from './lab.ts';

/** One suite of the sandbox's port, in each backend of a lab. */
export async function runProgram(open: OpenLab): Promise<void> {
  const lab = await open();

  afterAll(() => lab.close());

  eachCage(lab, { kernels: false }, (cage) => {
    it('a program gets its arguments, environment, input and directory exactly', async () => {
      const script = 'printf "%s|" "$@"; env; pwd; cat';
      const result = await lab.run(cage, ['sh', '-c', script, 'sh', '$(id)', 'a b', '', '--x'], {
        env: { A: '1', EMPTY: '' },
        stdin: 'from outside',
      });
      const [given = '', ...rest] = result.stdout.split('|').toReversed();
      expect(rest.toReversed()).toEqual(['$(id)', 'a b', '', '--x']);
      expect(given.split('\n').toSorted()).toEqual(
        ['A=1', 'EMPTY=', `PWD=${lab.inside}`, lab.inside, 'from outside'].toSorted(),
      );
      expect(result).toMatchObject({ exitCode: 0, stderr: '', stoppedBy: null });
    });

    it('an exit code and a signal are told apart', async () => {
      expect((await lab.run(cage, ['sh', '-c', 'exit 7'])).exitCode).toBe(7);
      const killed = await lab.run(cage, ['sh', '-c', 'kill -9 $$']);
      // bubblewrap and an init of one's own report a signal as shells do.
      expect([null, 137]).toContain(killed.exitCode);
      expect(killed.stoppedBy).toBeNull();
    });

    it('a mount named through a link is found by both names', async () => {
      const real = join(lab.dir, `real-${cage.name.replaceAll(' ', '-')}`);
      const link = `${real}-link`;
      mkdirSync(real);
      symlinkSync(real, link);
      writeFileSync(join(real, 'file'), 'content');
      const result = await lab.run(cage, ['cat', join(link, 'file'), join(real, 'file')], {
        cwd: link,
        mounts: [{ path: link, mode: 'ro' }],
      });
      expect(result).toMatchObject({ exitCode: 0, stdout: 'contentcontent' });
    });

    it('a directory with spaces and odd characters works', async () => {
      const odd = join(lab.dir, `odd $dir 'é' ${cage.name}`);
      mkdirSync(odd);
      const result = await lab.run(cage, ['sh', '-c', 'echo here > "out put"; pwd'], {
        cwd: odd,
        mounts: [{ path: odd, mode: 'rw' }],
      });
      expect(result.stdout).toBe(`${odd}\n`);
      expect(readFileSync(join(odd, 'out put'), 'utf8')).toBe('here\n');
    });

    it('git clones, commits, pushes and runs hooks on a repository in a mount', async () => {
      const base = join(lab.dir, `git-${cage.name.replaceAll(' ', '-')}`);
      const [home, bare, work] = [join(base, 'home'), join(base, 'bare.git'), join(base, 'work')];
      for (const path of [base, home, bare, work]) mkdirSync(path);
      const inGit: Partial<CommandSpec> = {
        cwd: work,
        env: { HOME: home, GIT_TERMINAL_PROMPT: '0', GIT_AUTHOR_DATE: '1700000000 +0000' },
        mounts: [home, bare, work].map((path) => ({ path, mode: 'rw' as const })),
      };
      const git = async (...argv: readonly string[]): Promise<string> => {
        const result = await lab.run(cage, ['git', ...argv], inGit);
        expect(`${argv.join(' ')}: ${result.exitCode} ${result.stderr}`).toMatch(/: 0 /);
        return result.stdout;
      };
      await git('init', '--bare', '--initial-branch=main', bare);
      await git('clone', bare, 'copy');
      writeFileSync(join(work, 'copy', 'file'), 'one\n');
      await git('-C', 'copy', 'add', 'file');
      await git('-C', 'copy', '-c', 'user.name=a', '-c', 'user.email=a@example', 'commit', '-m', 'one');
      const secret = join(lab.outside, 'hook-secret');
      writeFileSync(secret, 'secret');
      const hook = `#!/bin/sh\ncat '${secret}' > ../hook-out 2>&1\ntouch ran\necho denied-check >&2\n`;
      writeFileSync(join(bare, 'hooks', 'post-receive'), hook, { mode: 0o755 });
      await git('-C', 'copy', 'push', 'origin', 'HEAD:main');
      expect(readFileSync(join(bare, 'ran'), 'utf8')).toBe('');
      await git('-C', 'copy', 'fetch', 'origin');
      await git('clone', '--depth=1', `file://${bare}`, 'shallow');
      expect(readFileSync(join(work, 'shallow', 'file'), 'utf8')).toBe('one\n');
      await git('-C', bare, 'gc', '--quiet');
      await git('-C', 'copy', 'revert', '--no-edit', '--strategy=ort', 'HEAD').catch(() => undefined);
      expect(await git('-C', 'copy', 'log', '--format=%s', 'origin/main')).toBe('one\n');
    });
  });
}
