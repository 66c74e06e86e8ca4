import { z } from 'zod';
import type { Cluster } from '../../kubernetes/cluster-settings.ts';
import { settleAll } from '../../settle-all.ts';
import { helmFailure, helmJson, runHelm, saysNotFound } from './helm-command.ts';
import type { ExecRuntime, HelmCall } from './helm-command.ts';
import { contentOf, ReleaseJson, ReleaseStatus, timestampOf } from './release-record.ts';
import type { ReleaseRevision, RevisionView } from './release-record.ts';
import type { Releases } from './release-store.ts';

const HistoryEntry = z.object({
  revision: z.int(),
  updated: z.string(),
  status: ReleaseStatus,
  chart: z.string(),
  app_version: z.string().default(''),
  description: z.string().default(''),
});
const Listed = z.object({ name: z.string(), revision: z.string() });

/** More than any release keeps. */
const MAX_REVISIONS = 1000;

export function listCall(namespace: string): HelmCall {
  return { namespace, args: ['list', '--all', '--max=10000', '--output=json'] };
}

export function historyCall(namespace: string, release: string): HelmCall {
  return { namespace, args: ['history', `--max=${MAX_REVISIONS}`, '--output=json', '--', release] };
}

/** Without `revision`: of the latest one. */
export function statusCall(namespace: string, release: string, revision?: number): HelmCall {
  const at = revision === undefined ? [] : [`--revision=${revision}`];
  return { namespace, args: ['status', ...at, '--output=json', '--', release] };
}

/** Releases by helm; what it doesn't tell (labels) comes from `stored`. */
export function releasesOverHelm(
  runtime: ExecRuntime,
  cluster: Cluster,
  token: string,
  stored: Releases['stored'],
): Releases {
  const json = async (call: HelmCall): Promise<unknown> => {
    const result = await runHelm(runtime, cluster, token, call);
    if (result.exitCode !== 0 && saysNotFound(result)) return null;
    if (result.exitCode !== 0) throw helmFailure(cluster.name, call.args[0], result);
    return JSON.parse(result.stdout) as unknown;
  };
  const history = async (namespace: string, release: string): Promise<readonly RevisionView[]> => {
    const answer = await json(historyCall(namespace, release));
    return z
      .array(HistoryEntry)
      .parse(answer ?? [])
      .map((entry) => ({ ...entry, updated: timestampOf(entry.updated) }))
      .toSorted((a, b) => a.revision - b.revision);
  };
  return {
    stored,
    history,
    list: async (namespace) => {
      const found = z.array(Listed).parse(await helmJson(runtime, cluster, token, listCall(namespace)));
      const views = [];
      for (const { name, revision } of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
        const view = (await history(namespace, name)).find((each) => each.revision === Number(revision));
        // Removed since it was listed.
        if (view !== undefined) views.push({ release: name, ...view });
      }
      return views;
    },
    revision: async (namespace, release, revision): Promise<ReleaseRevision | null> => {
      const [views, said] = await settleAll([
        history(namespace, release),
        json(statusCall(namespace, release, revision)),
      ]);
      const view = revision === undefined ? views.at(-1) : views.find((each) => each.revision === revision);
      if (view === undefined) return null;
      const asListed = (answer: unknown): ReleaseJson | null => {
        const parsed = answer === null ? null : ReleaseJson.parse(answer);
        return parsed?.version === view.revision ? parsed : null;
      };
      // Another one may have been made in between.
      const found = asListed(said) ?? asListed(await json(statusCall(namespace, release, view.revision)));
      return found === null ? null : { ...view, ...contentOf(found) };
    },
  };
}
