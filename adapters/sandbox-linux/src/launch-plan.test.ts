import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandSpec } from '@carapulse/tools';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planLaunch } from './launch-plan.ts';

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'plan-'));
  mkdirSync(join(dir, 'a/b'), { recursive: true });
  mkdirSync(join(dir, 'ab'));
  symlinkSync(join(dir, 'a'), join(dir, 'link'));
  symlinkSync('/usr', join(dir, 'system'));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function command(over: Partial<CommandSpec>): CommandSpec {
  return {
    argv: ['sh', '-c', 'true'],
    cwd: join(dir, 'a'),
    env: {},
    mounts: [{ path: join(dir, 'a'), mode: 'rw' }],
    egress: [],
    limits: { wallMs: 1, memoryBytes: 1, pids: 1, outputBytes: 1 },
    ...over,
  };
}

it('looks programs up on the fixed path and resolves mounts', async () => {
  const plan = await planLaunch(command({ mounts: [{ path: join(dir, 'link'), mode: 'rw' }] }));
  expect(plan.program).toMatch(/^(\/usr)?\/bin\/sh$/);
  expect(plan.readWrite).toEqual([join(dir, 'a')]);
  expect(plan.aliases).toEqual([[join(dir, 'link'), join(dir, 'a'), 'rw']]);
});

it('shows a program from a directory of its own, read-only, and nothing more of the others', async () => {
  const own = join(dir, 'link');
  writeFileSync(join(dir, 'a/tool'), '', { mode: 0o755 });
  const at = { cwd: join(dir, 'ab'), mounts: [{ path: join(dir, 'ab'), mode: 'rw' as const }] };
  const plan = await planLaunch(command({ ...at, argv: ['tool'] }), ['/usr/bin', own]);
  expect(plan).toMatchObject({ program: join(own, 'tool'), readOnly: [join(dir, 'a')] });
  expect(plan.aliases).toEqual([[own, join(dir, 'a'), 'ro']]);
  expect((await planLaunch(command({ ...at, argv: ['sh'] }), ['/usr/bin', own])).readOnly).toEqual([]);
});

it.each<[string, () => Partial<CommandSpec>, string]>([
  ['a program that is not there', () => ({ argv: ['no-such-program'] }), 'not_found'],
  ['a relative path for a program', () => ({ argv: ['./sh'] }), 'invalid_input'],
  ['an empty program', () => ({ argv: [''] }), 'invalid_input'],
  ['a directory as the program', () => ({ argv: ['/usr'] }), 'not_found'],
  ['a relative mount', () => ({ mounts: [{ path: 'a', mode: 'rw' }] }), 'invalid_input'],
  ['a mount that is not there', () => ({ mounts: [{ path: join(dir, 'none'), mode: 'rw' }] }), 'not_found'],
  ['the root as a mount', () => ({ mounts: [{ path: '/', mode: 'ro' }] }), 'invalid_input'],
  ['/proc as a mount', () => ({ mounts: [{ path: '/proc/self', mode: 'ro' }] }), 'invalid_input'],
  ['a writable system', () => ({ mounts: [{ path: join(dir, 'system'), mode: 'rw' }] }), 'invalid_input'],
  ['a directory outside the mounts', () => ({ cwd: join(dir, 'ab') }), 'invalid_input'],
  [
    'a read-only mount in a writable one',
    () => ({
      mounts: [
        { path: join(dir, 'a'), mode: 'rw' },
        { path: join(dir, 'a/b'), mode: 'ro' },
      ],
    }),
    'invalid_input',
  ],
  ['a NUL in an argument', () => ({ argv: ['sh', 'a\0b'] }), 'invalid_input'],
  ['an odd variable name', () => ({ env: { 'A=B': '1' } }), 'invalid_input'],
  [
    'a limit of zero',
    () => ({ limits: { wallMs: 0, memoryBytes: 1, pids: 1, outputBytes: 1 } }),
    'invalid_input',
  ],
])('refuses %s', async (_what, over, code) => {
  await expect(planLaunch(command(over()))).rejects.toMatchObject({ code });
});
