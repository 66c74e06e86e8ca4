import { z } from 'zod';
import { callArgocd, pathOf } from './api-over-http.ts';
import { readApplication } from './argocd-api.ts';
import { address, argocdRead, shownAddress } from './argocd-read.ts';
import { changesBetween, MAX_CHANGES } from './object-changes.ts';

const Input = z.strictObject(address);
const Change = z.strictObject({
  pointer: z.string(),
  /** JSON, cut off when long; null where there is nothing. Of a Secret's values it is only told that they differ. */
  live: z.string().nullable(),
  desired: z.string().nullable(),
});
const Output = z.strictObject({
  ...shownAddress,
  /** True: what is there is what Git says, as Argo CD compares it. */
  same: z.boolean(),
  compared: z.int().nonnegative(),
  resources: z.array(
    z.strictObject({
      group: z.string(),
      kind: z.string(),
      namespace: z.string(),
      name: z.string(),
      state: z.enum(['missing', 'not_in_git', 'differs']),
      changes: z.array(Change),
      changes_truncated: z.boolean(),
    }),
  ),
});
type Output = z.infer<typeof Output>;

const text = z.string().default('');
const Managed = z.object({
  items: z
    .array(
      z.object({
        group: text,
        kind: z.string(),
        namespace: text,
        name: z.string(),
        hook: z.boolean().default(false),
        targetState: text,
        liveState: text,
        normalizedLiveState: text,
        predictedLiveState: text,
      }),
    )
    .nullish(),
});
type Item = NonNullable<z.infer<typeof Managed>['items']>[number];

export const appDiff = argocdRead<z.infer<typeof Input>, Output>({
  name: 'app_diff',
  description: 'Where what an application has differs from Git',
  input: Input,
  output: Output,
  by: 'http',
  run: async (input, { api, runtime, instance }) => {
    await readApplication(api, instance, input);
    const query = [['project', input.project]] as const;
    const path = pathOf(input.app, '/managed-resources');
    const raw = await callArgocd(runtime, instance, { method: 'GET', path, query });
    const items = (Managed.parse(raw).items ?? []).filter(({ hook }) => !hook);
    const resources = items.flatMap(differenceOf);
    return { ...input, same: resources.length === 0, compared: items.length, resources };
  },
  words: () => ['diff'],
});

function differenceOf(item: Item): Output['resources'] {
  const { group, kind, namespace, name } = item;
  const target = parsed(item.targetState);
  const live = parsed(item.liveState);
  const named = { group, kind, namespace, name, changes: [], changes_truncated: false };
  if (target === null && live === null) return [];
  if (live === null) return [{ ...named, state: 'missing' }];
  if (target === null) return [{ ...named, state: 'not_in_git' }];
  const found = changesBetween(
    parsed(item.normalizedLiveState) ?? live,
    parsed(item.predictedLiveState) ?? target,
    { masked: kind === 'Secret' && group === '' },
  );
  if (found.length === 0) return [];
  return [
    {
      ...named,
      state: 'differs',
      changes: found.slice(0, MAX_CHANGES),
      changes_truncated: found.length > MAX_CHANGES,
    },
  ];
}

/** Null for what is not there. */
function parsed(state: string): object | null {
  const value = state === '' ? null : (JSON.parse(state) as unknown);
  return typeof value === 'object' ? value : null;
}
