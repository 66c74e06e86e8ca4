import type { ForgeApi } from '../../forge/forge-api.ts';
import { foundOfKey, isMarkedWith } from '../../key-mark.ts';
import { RawPull } from './pull-request.ts';

/** `/repos/owner/name/pulls`, or below it; the names were validated and need no escaping. */
export function pullsPath(repository: string, ...below: ReadonlyArray<string | number>): string {
  return ['/repos', repository, 'pulls', ...below].join('/');
}

export async function readPull(api: ForgeApi, repository: string, number: number): Promise<RawPull> {
  return RawPull.parse(await api.get(pullsPath(repository, number)));
}

export interface PullsOfHead {
  readonly repository: string;
  readonly head: string;
  readonly base?: string | undefined;
  readonly state: 'open' | 'closed' | 'all';
}

/** The pull requests of a branch of this very repository, newest first; those of forks are others'. */
export async function pullsOfHead(
  api: ForgeApi,
  { repository, head, base, state }: PullsOfHead,
): Promise<{ readonly pulls: readonly RawPull[]; readonly complete: boolean }> {
  const label = `${repository.split('/')[0]}:${head}`;
  const { items, complete } = await api.list(pullsPath(repository), [
    ['state', state],
    ['head', label],
    ...(base === undefined ? [] : [['base', base] as const]),
  ]);
  // GitHub gives everything when it can't read the filter.
  const ofHead = items
    .map((item) => RawPull.parse(item))
    .filter(
      (pull) => pull.head.ref === head && (pull.head.label ?? label).toLowerCase() === label.toLowerCase(),
    )
    .filter((pull) => base === undefined || pull.base.ref === base);
  return { pulls: ofHead, complete };
}

/** Those of a branch that were made under a key. */
export async function pullsOfKey(
  api: ForgeApi,
  { repository, head, key }: { readonly repository: string; readonly head: string; readonly key: string },
): Promise<readonly RawPull[]> {
  const { pulls, complete } = await pullsOfHead(api, { repository, head, state: 'all' });
  const ofKey = pulls.filter((pull) => isMarkedWith(pull.body ?? '', key));
  return foundOfKey(`Pull requests of ${head} in ${repository}`, ofKey, complete);
}
