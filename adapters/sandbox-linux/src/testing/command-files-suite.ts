import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROXY_MARK } from '@carapulse/tools';
import { afterAll, expect, it } from 'vitest';
import { eachCage } from './each-cage.ts';
import { type OpenLab } from './lab.ts';

/** One suite of the sandbox's port, in each backend of a lab. */
export async function commandFiles(open: OpenLab): Promise<void> {
  const lab = await open();

  afterAll(() => lab.close());

  eachCage(lab, { kernels: true }, (cage) => {
    it('a program finds its files, that nobody else may read, with the address of its proxy in them', async () => {
      const path = join(lab.inside, 'config');
      writeFileSync(path, 'of an earlier command', { mode: 0o644 });
      const egress = [{ host: 'service.example', port: 443, addresses: 'public' as const }];
      const script = 'cat config; printf "|%s" "$HTTPS_PROXY" "$all_proxy" "$ALL_PROXY"';
      const result = await lab.run(cage, ['sh', '-c', script], {
        files: [{ path, text: `a\n${PROXY_MARK}` }],
        egress,
      });
      const [text, proxy, ...others] = result.stdout.split('|');
      expect(proxy).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(text).toBe(`a\n${proxy}`);
      expect(others).toEqual([proxy, proxy?.replace('http:', 'socks5:')]);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(
        (await lab.run(cage, ['cat', 'config'], { files: [{ path, text: `[${PROXY_MARK}]` }] })).stdout,
      ).toBe('[]');
    });

    it('a link in the place of a file is replaced, not followed', async () => {
      const [victim, path] = [
        join(lab.outside, `victim ${cage.name}`),
        join(lab.inside, `link ${cage.name}`),
      ];
      writeFileSync(victim, 'untouched');
      symlinkSync(victim, path);
      const result = await lab.run(cage, ['cat', path], { files: [{ path, text: 'mine' }] });
      expect(result.stdout).toBe('mine');
      expect(readFileSync(victim, 'utf8')).toBe('untouched');
    });

    it('a file outside of the writable mounts, or by a crooked path, runs nothing', async () => {
      for (const path of [join(lab.outside, 'x'), `${lab.inside}/../outside/x`, 'config', lab.launcher]) {
        await expect(lab.run(cage, ['true'], { files: [{ path, text: '' }] })).rejects.toMatchObject({
          code: 'invalid_input',
        });
      }
      const result = lab.run(cage, ['true'], { files: [{ path: join(lab.inside, 'none', 'x'), text: '' }] });
      await expect(result).rejects.toMatchObject({ code: 'sandbox_unavailable' });
    });
  });
}
