import { z } from 'zod';
import type { ManagedResource } from './application.ts';
import { callArgocd, pathOf } from './api-over-http.ts';
import { readApplication } from './argocd-api.ts';
import { address, argocdRead, shownAddress } from './argocd-read.ts';

const Input = z.strictObject(address);
const Resource = z.strictObject({
  group: z.string(),
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  /** Null for what the application's own resources have made. */
  sync: z.string().nullable(),
  /** Null where Argo CD knows none for its kind. */
  health: z.string().nullable(),
  message: z.string(),
  /** In the cluster and no longer in Git. */
  to_be_pruned: z.boolean(),
});
type Resource = z.infer<typeof Resource>;
const Output = z.strictObject({
  ...shownAddress,
  empty: z.boolean(),
  /** All that the application manages, then whatever came of it and isn't healthy. */
  resources: z.array(Resource),
});

const text = z.string().default('');
const Tree = z.object({
  nodes: z
    .array(
      z.object({
        group: text,
        kind: z.string(),
        namespace: text,
        name: z.string(),
        health: z.object({ status: text, message: text }).nullish(),
      }),
    )
    .nullish(),
});

export const appResources = argocdRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'app_resources',
  description: 'Sync status and health of what an application manages',
  input: Input,
  output: Output,
  by: 'http',
  run: async (input, { api, runtime, instance }) => {
    const { status } = await readApplication(api, instance, input);
    const query = [['project', input.project]] as const;
    const path = pathOf(input.app, '/resource-tree');
    const { nodes } = Tree.parse(await callArgocd(runtime, instance, { method: 'GET', path, query }));
    // Argo CD 3 keeps the health of single resources in the tree alone.
    const inTree = new Map((nodes ?? []).map((node) => [keyOf(node), node]));
    const managed = (status.resources ?? []).map((resource) => {
      const node = inTree.get(keyOf(resource));
      inTree.delete(keyOf(resource));
      return viewOf(resource, resource.status, node?.health ?? resource.health ?? null);
    });
    const made = [...inTree.values()]
      .filter(({ health }) => health !== null && health !== undefined && health.status !== 'Healthy')
      .map((node) => viewOf({ ...node, requiresPruning: false }, null, node.health ?? null));
    return { ...input, empty: managed.length === 0, resources: [...managed, ...made] };
  },
  words: () => ['resources'],
});

type Named = Pick<ManagedResource, 'group' | 'kind' | 'namespace' | 'name'>;

function keyOf({ group, kind, namespace, name }: Named): string {
  return JSON.stringify([group, kind, namespace, name]);
}

function viewOf(
  { group, kind, namespace, name, requiresPruning }: Named & Pick<ManagedResource, 'requiresPruning'>,
  sync: string | null,
  health: { readonly status: string; readonly message: string } | null,
): Resource {
  return {
    group,
    kind,
    namespace,
    name,
    sync,
    health: health?.status || null,
    message: health?.message ?? '',
    to_be_pruned: requiresPruning,
  };
}
