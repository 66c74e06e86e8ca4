import type { ForgeApi } from '../../forge/forge-api.ts';
import { foundOfKey, isMarkedWith } from '../../key-mark.ts';
import { RawMerge } from './merge-request.ts';

/** `/api/v4/projects/group%2Fproject/merge_requests`, or below it. */
export function mergesPath(repository: string, ...below: ReadonlyArray<string | number>): string {
  return ['/api/v4/projects', encodeURIComponent(repository), 'merge_requests', ...below].join('/');
}

export async function readMerge(api: ForgeApi, repository: string, iid: number): Promise<RawMerge> {
  return RawMerge.parse(await api.get(mergesPath(repository, iid)));
}

export interface MergesOfSource {
  readonly repository: string;
  readonly source: string;
  readonly target?: string | undefined;
  readonly state: 'opened' | 'closed' | 'merged' | 'all';
}

/** The merge requests of a branch of this very project, newest first; those of forks are others'. */
export async function mergesOfSource(
  api: ForgeApi,
  { repository, source, target, state }: MergesOfSource,
): Promise<{ readonly merges: readonly RawMerge[]; readonly complete: boolean }> {
  const { items, complete } = await api.list(mergesPath(repository), [
    ['state', state],
    ['source_branch', source],
    ...(target === undefined ? [] : [['target_branch', target] as const]),
  ]);
  const ofSource = items
    .map((item) => RawMerge.parse(item))
    .filter((merge) => merge.source_branch === source && isOfProject(merge))
    .filter((merge) => target === undefined || merge.target_branch === target);
  return { merges: ofSource, complete };
}

function isOfProject({ source_project_id: source, project_id: project }: RawMerge): boolean {
  return (source ?? project) === project;
}

/** Those of a branch that were made under a key. */
export async function mergesOfKey(
  api: ForgeApi,
  { repository, source, key }: { readonly repository: string; readonly source: string; readonly key: string },
): Promise<readonly RawMerge[]> {
  const { merges, complete } = await mergesOfSource(api, { repository, source, state: 'all' });
  const ofKey = merges.filter((merge) => isMarkedWith(merge.description ?? '', key));
  return foundOfKey(`Merge requests of ${source} in ${repository}`, ofKey, complete);
}
