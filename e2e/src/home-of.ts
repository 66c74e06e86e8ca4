import { lchownSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A home for a user who has none, kept for the next test: Node finds there what it has compiled before. */
export function homeOf(user: number): string {
  const home = join(tmpdir(), `carapulse-home-${user}`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  lchownSync(home, user, user);
  return home;
}
