import { lchownSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A home for a user who has none, kept for the next test: Node finds there what it has compiled before.
 * @throws an Error where somebody else made it first, who could have put code of theirs there.
 */
export function homeOf(user: number): string {
  const home = join(tmpdir(), `carapulse-home-${user}`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const { uid } = lstatSync(home);
  if (uid !== user && uid !== process.getuid?.())
    throw new Error(`${home} is the user ${uid}'s, who made it first; remove it.`);
  lchownSync(home, user, user);
  return home;
}
