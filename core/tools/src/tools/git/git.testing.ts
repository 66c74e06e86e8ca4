import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DocumentEditor } from '@carapulse/kernel';
import type { Workspace } from '../../router-ports.ts';
import type { CommandResult, CommandSpec } from '../../sandbox.ts';

/** For tests: the environment of a developer who uses git, whoever runs the tests. */
export const developerEnv = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Dev',
  GIT_AUTHOR_EMAIL: 'dev@example.test',
  GIT_COMMITTER_NAME: 'Dev',
  GIT_COMMITTER_EMAIL: 'dev@example.test',
};

/** For tests: runs a command without a sandbox. */
export function runProgram(command: CommandSpec): Promise<CommandResult> {
  const [program, ...args] = command.argv;
  for (const { path, text } of command.files ?? []) writeFileSync(path, text);
  const options = {
    cwd: command.cwd,
    env: { ...command.env, PATH: process.env['PATH'] },
    maxBuffer: command.limits.outputBytes,
  };
  return new Promise((resolve) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve({
        exitCode: typeof code === 'number' ? code : null,
        stdout,
        stderr,
        durationMs: 1,
        stoppedBy: code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' ? 'output' : null,
      });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(command.stdin ?? '');
  });
}

/** For tests: a scratch directory a call below `root`. */
export function workspaceBelow(root: string, cache = root): Workspace {
  return {
    open: (_, directories) => {
      const scratch = mkdtempSync(join(root, 'scratch '));
      for (const name of directories) mkdirSync(join(scratch, name));
      const close = (): Promise<void> => Promise.resolve(rmSync(scratch, { recursive: true, force: true }));
      return Promise.resolve({ scratch, cache, close });
    },
  };
}

/** For tests: edits documents of lines such as `name: value`. */
export const lineEditor: DocumentEditor = {
  replaceScalar: (text, { pointer, value }) => {
    const line = new RegExp(`^${pointer.slice(1)}: (.*)$`, 'm').exec(text);
    if (line === null) return { kind: 'refused', reason: 'pointer_missing', detail: `nothing at ${pointer}` };
    if (line[1] === value) return { kind: 'refused', reason: 'same_value', detail: `${value} already` };
    const at = line.index + line[0].length;
    const edited = `${text.slice(0, at - (line[1]?.length ?? 0))}${value}${text.slice(at)}`;
    return { kind: 'edited', text: edited, before: line[1] ?? '' };
  },
};
