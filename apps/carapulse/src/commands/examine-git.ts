import { execFileSync } from 'node:child_process';
import { displayText, fitWidth } from '@carapulse/plan';
import { findProgram } from '../services/find-program.ts';

const OLDEST = [2, 34] as const;

export interface GitFinding {
  readonly what: 'git';
  readonly state: 'ok' | 'bad';
  readonly detail: string;
  readonly fix?: string;
}

/** Asks the git that tools would run for its version: one that is missing, old, hangs or babbles is told as that. */
export function examineGit(directories: readonly string[], answerMs = 5000): GitFinding {
  const path = findProgram('git', directories);
  if (path === null) {
    return bad(`not found in ${directories.join(', ')}`, 'apt-get install git');
  }
  const mend = `look at \`${path} --version\`, or reinstall git`;
  let said: string;
  try {
    said = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      timeout: answerMs,
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    return bad(`${path} ${failure(error as Failure, answerMs)}`, mend);
  }
  const [, version = '', major = '', minor = ''] = /^git version ((\d+)\.(\d+)\S*)/.exec(said) ?? [];
  if (version === '')
    return bad(`${path} says “${fitWidth(displayText(said), 60)}”, which is no version`, mend);
  const old = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  if (old) return bad(`${path} is ${version}, ${OLDEST.join('.')} or newer is needed`, 'install a newer git');
  return { what: 'git', state: 'ok', detail: version };
}

type Failure = NodeJS.ErrnoException & { readonly status?: number | null };

function failure({ code, status }: Failure, answerMs: number): string {
  if (code === 'ETIMEDOUT') return `did not tell its version within ${answerMs / 1000} s`;
  if (code === 'ENOBUFS') return 'answered with more than a version';
  return status === undefined || status === null ? `cannot be run (${code})` : `ended with ${status}`;
}

function bad(detail: string, fix: string): GitFinding {
  return { what: 'git', state: 'bad', detail, fix };
}
