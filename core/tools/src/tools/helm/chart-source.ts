import { AppError } from '@carapulse/kernel';
import { egressTo, findNamed } from '../../http-connector.ts';
import type { SandboxFile } from '../../sandbox.ts';
import type { ToolCommand, ToolRuntime } from '../../tool-definition.ts';
import { settleAll } from '../../settle-all.ts';
import { withMirror } from '../git/with-mirror.ts';
import { helmEnv } from './helm-command.ts';
import type { ChartChoice } from './helm-input.ts';
import type { ChartSource, HelmSettings } from './helm-settings.ts';

export type HelmRuntime = ToolRuntime<HelmSettings>;

/** A chart as one file in the scratch directory. */
export interface PackagedChart {
  readonly path: string;
  /**
   * Of the package as its repository or registry has it. A folder has no package: of a tar of what helm would pack,
   * with names sorted and without times and owners.
   */
  readonly digest: `sha256:${string}`;
}

/** Where a folder's package is unpacked in the scratch directory. */
export const PACKED = 'packed';

type Published = Extract<ChartSource, { kind: 'repository' | 'oci' }>;

/** @throws AppError `not_found` for a chart that there isn't; `unavailable` where it can't be fetched. */
export async function fetchChart(runtime: HelmRuntime, choice: ChartChoice): Promise<PackagedChart> {
  const source = findNamed(runtime.settings.charts, choice.name, 'connectors.helm.charts');
  if (source.kind !== 'git_path' && choice.commit !== undefined) {
    throw invalid(`Chart ${choice.name} is of kind ${source.kind}, which has no commit; leave commit out.`);
  }
  switch (source.kind) {
    case 'repository':
    case 'oci':
      return await pull(runtime, choice, source);
    case 'directory': {
      const root = runtime.settings.chart_root ?? '';
      const folder = `${root}/${source.path}`;
      await run(runtime, ['cp', '-R', '-P', '--', folder, `${runtime.scratch}/source`], {
        mounts: [{ path: folder, mode: 'ro' }],
      });
      return await pack(runtime, choice);
    }
    case 'git_path':
      if (choice.commit === undefined) {
        throw invalid(`Chart ${choice.name} lies in a Git repository; say at which commit.`);
      }
      await checkOut(runtime, source.repository, source.path, choice.commit);
      return await pack(runtime, choice);
    default:
      return source satisfies never;
  }
}

/** The arguments that fetch a published chart into the scratch directory. */
export function pullArgv(scratch: string, choice: ChartChoice, source: Published): ToolCommand['argv'] {
  const from =
    source.kind === 'repository'
      ? [`--repo=${source.url}`, '--', source.chart]
      : ['--', `oci://${source.registry}/${source.chart}`];
  return [
    'helm',
    'pull',
    `--version=${choice.version}`,
    `--destination=${scratch}`,
    ...(source.ca === undefined ? [] : [`--ca-file=${scratch}/chart-ca.pem`]),
    ...from,
  ];
}

async function pull(runtime: HelmRuntime, choice: ChartChoice, source: Published): Promise<PackagedChart> {
  const { scratch } = runtime;
  const base = source.kind === 'repository' ? source.url : `https://${source.registry}`;
  const own = egressTo(base, source.egress);
  const more = source.more_hosts.flatMap((host) => egressTo(`https://${host}`, source.egress));
  const result = await runtime.exec({
    argv: pullArgv(scratch, choice, source),
    cwd: scratch,
    env: helmEnv(scratch),
    files: source.ca === undefined ? [] : [{ path: `${scratch}/chart-ca.pem`, text: source.ca }],
    mounts: [{ path: scratch, mode: 'rw' }],
    egress: [...own, ...more],
  });
  if (result.exitCode === 0) {
    // What a registry can't have in a tag is written otherwise there, not in the file's name.
    const path = `${scratch}/${source.chart}-${choice.version}.tgz`;
    return { path, digest: await digestOf(runtime, path) };
  }
  const said = result.stderr.trim().slice(0, 500);
  if (/not found|no chart (name|version) found/i.test(said)) {
    throw new AppError('not_found', `Chart ${choice.name} has no version ${choice.version}: ${said}`, {
      details: { class: 'permanent', effect: 'none', reason: 'chart_unknown' },
    });
  }
  throw new AppError('unavailable', `Chart ${choice.name} ${choice.version} could not be fetched: ${said}`, {
    retryable: true,
    details: { class: 'transient', effect: 'none', reason: 'chart_unreachable' },
  });
}

/** The folder at a commit of the default branch, in `source` of the scratch directory. */
async function checkOut(
  runtime: HelmRuntime,
  repository: string,
  path: string,
  commit: string,
): Promise<void> {
  const { scratch, settings } = runtime;
  const git = { ...runtime, settings: { repositories: settings.repositories } };
  await withMirror(git, repository, undefined, async (mirror) => {
    await mirror.assertHas(commit);
    await mirror.git(
      'archive',
      '--format=tar',
      '--prefix=source/',
      `--output=${scratch}/source.tar`,
      `${commit}:${path}`,
    );
  });
  await run(runtime, ['tar', '-xf', `${scratch}/source.tar`, '-C', scratch]);
}

/** Packs `source` of the scratch directory: first as helm does, which leaves out and checks, then the same each time. */
async function pack(runtime: HelmRuntime, choice: ChartChoice): Promise<PackagedChart> {
  const { scratch } = runtime;
  const [links, packing] = await settleAll([
    run(runtime, ['find', `${scratch}/source`, '-type', 'l', '-print', '-quit']),
    // Its end is looked at only where there are no links: what it followed one to stays in the scratch directory.
    run(runtime, ['helm', 'package', `--destination=${scratch}`, `${scratch}/source`]).then(
      (said) => ({ said }),
      (error: unknown) => ({ error }),
    ),
  ]);
  if (links.trim() !== '') {
    throw new AppError(
      'forbidden',
      `Chart ${choice.name} holds symbolic links, which could lead out of it; put files in their place.`,
      { details: { class: 'permanent', effect: 'none', reason: 'chart_links' } },
    );
  }
  if ('error' in packing) throw packing.error;
  const packed = /saved it to: (\S+\.tgz)\s*$/.exec(packing.said)?.[1] ?? '';
  if (!packed.startsWith(`${scratch}/`) || !packed.endsWith(`-${choice.version}.tgz`)) {
    throw new AppError(
      'not_found',
      `Chart ${choice.name} is not of version ${choice.version} there: helm packs ${packed.slice(scratch.length + 1)}.`,
      { details: { class: 'permanent', effect: 'none', reason: 'chart_unknown' } },
    );
  }
  const folder = `${scratch}/${PACKED}`;
  const tar = `${scratch}/chart.tar`;
  await run(runtime, ['tar', '-xzf', packed, '-C', folder]);
  const forDigest = run(runtime, [
    'tar',
    '--sort=name',
    '--format=gnu',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u=rwX,go=rX',
    '-cf',
    tar,
    '-C',
    folder,
    '.',
  ]);
  const [digest] = await settleAll([
    forDigest.then(() => digestOf(runtime, tar)),
    run(runtime, ['tar', '-czf', `${scratch}/chart.tgz`, '-C', folder, '--transform=s,^\\./,,', '.']),
  ]);
  return { path: `${scratch}/chart.tgz`, digest };
}

async function digestOf(runtime: HelmRuntime, path: string): Promise<`sha256:${string}`> {
  const found = /^\\?([0-9a-f]{64}) /.exec(await run(runtime, ['sha256sum', '--', path]))?.[1];
  if (found !== undefined) return `sha256:${found}`;
  throw new AppError('tool_failed', `sha256sum gave no checksum of ${path}.`, {
    details: { class: 'permanent', effect: 'none' },
  });
}

/** Standard output of a command that has no network and must succeed. */
async function run(
  runtime: HelmRuntime,
  argv: ToolCommand['argv'],
  more: { readonly mounts?: ToolCommand['mounts']; readonly files?: readonly SandboxFile[] } = {},
): Promise<string> {
  const { scratch } = runtime;
  const result = await runtime.exec({
    argv,
    cwd: scratch,
    env: helmEnv(scratch),
    mounts: [{ path: scratch, mode: 'rw' }, ...(more.mounts ?? [])],
    egress: [],
  });
  if (result.exitCode === 0) return result.stdout;
  const said = result.stderr.trim().slice(0, 500) || 'it said nothing';
  throw new AppError('tool_failed', `${argv[0]} ended with ${result.exitCode ?? 'a signal'}: ${said}`, {
    details: { class: 'permanent', effect: 'none', reason: 'chart_unusable' },
  });
}

function invalid(message: string): AppError {
  return new AppError('invalid_input', message, { details: { class: 'permanent', effect: 'none' } });
}
