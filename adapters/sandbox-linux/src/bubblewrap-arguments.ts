import type { LaunchPlan } from './launch-plan.ts';
import { DEVICES, type SystemPaths } from './system-paths.ts';

/** Where the launcher is seen inside; it applies the filter and becomes the program. */
export const INNER_LAUNCHER = '/run/carapulse/launcher';

/**
 * bubblewrap's command line up to and including the launcher. Everything is a new namespace; the root is an empty
 * file system made read-only at the end, so that nothing can be written but the writable mounts, memory included.
 */
export function bubblewrapArguments(
  program: string,
  launcher: string,
  plan: LaunchPlan,
  system: SystemPaths,
): string[] {
  const argv = [
    program,
    '--unshare-user',
    '--unshare-ipc',
    '--unshare-pid',
    '--unshare-net',
    '--unshare-uts',
  ];
  argv.push('--unshare-cgroup-try', '--die-with-parent', '--new-session', '--hostname', 'sandbox');
  argv.push('--cap-drop', 'ALL', '--clearenv', '--proc', '/proc');
  for (const [path, target] of system.links) argv.push('--symlink', target, path);
  for (const [inside, outside] of system.binds) argv.push('--ro-bind', outside, inside);
  for (const device of DEVICES) argv.push('--dev-bind', device, device);
  argv.push('--symlink', '/proc/self/fd', '/dev/fd');
  for (const [index, name] of ['stdin', 'stdout', 'stderr'].entries()) {
    argv.push('--symlink', `/proc/self/fd/${index}`, `/dev/${name}`);
  }
  const mounts = [
    ...plan.readOnly.map((path) => [path, path, 'ro'] as const),
    ...plan.readWrite.map((path) => [path, path, 'rw'] as const),
    ...plan.aliases,
  ].toSorted(([a], [b]) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  for (const [inside, outside, mode] of mounts) {
    argv.push(mode === 'rw' ? '--bind' : '--ro-bind', outside, inside);
  }
  argv.push('--ro-bind', launcher, INNER_LAUNCHER, '--remount-ro', '/', '--chdir', '/', '--', INNER_LAUNCHER);
  return argv;
}
