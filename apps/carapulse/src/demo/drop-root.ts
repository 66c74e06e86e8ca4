import { accessSync, chownSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '@carapulse/kernel';

const NOBODY = 65_534;
const CHECKOUT = join(import.meta.dirname, '..', '..', '..', '..');

/**
 * A demo needs no rights; as root everything of it goes on as nobody, who owns `directory`.
 * @throws AppError `unavailable` naming what keeps nobody out, and the command that lets them in.
 */
export function dropRoot(directory: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(directory, NOBODY, NOBODY);
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
  assertReachable(CHECKOUT, directory);
}

/** @throws AppError `unavailable` when this process can't read the checkout's files or write to the directory. */
export function assertReachable(checkout: string, directory: string): void {
  const toCheckout = barrier(checkout);
  if (toCheckout !== null) throw refusal(toCheckout, `chmod o+x '${toCheckout}'`, 'move the checkout');
  const main = join(checkout, 'apps', 'carapulse', 'src', 'main.ts');
  if (!may(main, constants.R_OK))
    throw refusal(barrier(main) ?? main, `chmod -R o+rX '${checkout}'`, 'clone it again with `umask 022`');
  const toDirectory = barrier(directory);
  if (toDirectory !== null)
    throw refusal(toDirectory, `chmod o+x '${toDirectory}'`, 'choose another directory (--directory)');
  if (!may(directory, constants.W_OK))
    throw refusal(directory, `chmod u+rwx '${directory}'`, 'choose another directory (--directory)');
}

function refusal(obstacle: string, command: string, instead: string): AppError {
  return new AppError(
    'unavailable',
    `The demo gives up root's rights, and ${obstacle} keeps others out. Run \`${command}\`, or ${instead}, or run the demo as an ordinary user.`,
  );
}

/** The outermost directory on the way to a path, or the path itself, that this process may not pass through. */
function barrier(path: string): string | null {
  const outer = dirname(path) === path ? null : barrier(dirname(path));
  return outer ?? (may(path, constants.X_OK) ? null : path);
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
