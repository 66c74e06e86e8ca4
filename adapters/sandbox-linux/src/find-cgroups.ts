import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

/**
 * Directories in which a cgroup with a memory and a task limit can be made: one (v2, delegated), two (v1, memory
 * and pids), or none, where the supervisor's watch enforces the limits instead.
 */
export function findCgroups(): readonly string[] {
  const own = ownGroups();
  const unified = own.get('');
  if (unified !== undefined) {
    const directory = join(ROOT, unified);
    const enabled = readText(join(directory, 'cgroup.subtree_control')).split(/\s+/);
    if (enabled.includes('memory') && enabled.includes('pids') && canMakeGroup(directory)) return [directory];
  }
  const split = ['memory', 'pids'].map((name) => join(ROOT, name, own.get(name) ?? '/'));
  return own.has('memory') && own.has('pids') && split.every(canMakeGroup) ? split : [];
}

/** Controller (or '' for the unified hierarchy) → this process's group, from /proc/self/cgroup. */
function ownGroups(): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of readText('/proc/self/cgroup').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(',')) groups.set(controller, path);
  }
  return groups;
}

function canMakeGroup(directory: string): boolean {
  const trial = join(directory, `carapulse-trial-${process.pid}`);
  try {
    mkdirSync(trial);
    rmdirSync(trial);
    return true;
  } catch {
    return false;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Removes the groups of supervisors that were killed before they could. A group that still holds a process stays:
 * the kernel refuses.
 */
export function removeStaleGroups(groups: readonly string[]): void {
  for (const group of groups) {
    for (const name of readdirSync(group)) {
      const pid = /^carapulse-(\d+)$/.exec(name)?.[1];
      if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
      try {
        rmdirSync(join(group, name));
      } catch {
        // In use, or somebody else was faster.
      }
    }
  }
}
