import { z } from 'zod';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import { factsOfKind, KindName, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { clusterRead, place } from './cluster-action.ts';
import { Metadata, ObjectList } from './object-shapes.ts';

const RawEvent = z.object({
  metadata: Metadata,
  type: z.string().default(''),
  reason: z.string().default(''),
  message: z.string().default(''),
  count: z.int().nullish(),
  firstTimestamp: z.string().nullish(),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
  series: z.object({ count: z.int().default(1), lastObservedTime: z.string().nullish() }).nullish(),
  reportingComponent: z.string().default(''),
  source: z.object({ component: z.string().default('') }).prefault({}),
  involvedObject: z.object({
    kind: z.string().default(''),
    name: z.string().default(''),
    uid: z.string().default(''),
  }),
});

export const EventView = z.strictObject({
  type: z.string(),
  reason: z.string(),
  message: z.string(),
  object: z.strictObject({ kind: z.string(), name: z.string(), uid: z.string() }),
  count: z.int(),
  first_at: z.string().nullable(),
  last_at: z.string().nullable(),
  source: z.string(),
});
export type EventView = z.infer<typeof EventView>;

const Input = z
  .strictObject({
    ...place,
    kind: KindName.optional(),
    name: ObjectName.optional(),
    type: z.enum(['Normal', 'Warning']).optional(),
    limit: z.int().min(1).max(500).default(100),
  })
  .refine(
    ({ kind, name }) => (kind === undefined) === (name === undefined),
    'kind and name together, or neither',
  );

const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  empty: z.boolean(),
  /** True: there are more than these, the latest of those that were looked at. */
  more: z.boolean(),
  events: z.array(EventView),
});

/** Pages of 500 that are looked at for the latest ones; the API has no order by time. */
const PAGES = 10;

/** Events of a namespace, the latest first. */
export const events = clusterRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'events',
  description: 'Events of a namespace or of one object, the latest first',
  input: Input,
  output: Output,
  effects: ({ cluster, namespace, kind, name }) => [
    {
      kind: 'read',
      target:
        kind === undefined || name === undefined
          ? `kubernetes:${cluster}/${namespace}/event`
          : objectTarget(cluster, { kind, namespace, name }),
    },
  ],
  run: async ({ cluster, namespace, kind, name, type, limit }, { api }) => {
    const fields = [
      ...(kind === undefined ? [] : [`involvedObject.kind=${factsOfKind(kind).kind}`]),
      ...(name === undefined ? [] : [`involvedObject.name=${name}`]),
      ...(type === undefined ? [] : [`type=${type}`]),
    ];
    const { found, more } = await latestEvents(api, namespace, fields, limit);
    return { cluster, namespace, empty: found.length === 0, more, events: found };
  },
  commands: ({ namespace, kind, name, type }) => [
    [
      `--namespace=${namespace}`,
      'events',
      ...(kind === undefined || name === undefined ? [] : [`--for=${kind}/${name}`]),
      ...(type === undefined ? [] : [`--types=${type}`]),
    ],
  ],
});

/** The latest events that the field selectors pick. */
export async function latestEvents(
  api: KubernetesApi,
  namespace: string,
  fields: readonly string[],
  limit: number,
): Promise<{ readonly found: EventView[]; readonly more: boolean }> {
  const all: EventView[] = [];
  let next = '';
  for (let page = 0; page === 0 || (next !== '' && page < PAGES); page += 1) {
    const answer = await api.get(`/api/v1/namespaces/${namespace}/events`, [
      ['limit', '500'],
      ...(fields.length === 0 ? [] : [['fieldSelector', fields.join(',')] as const]),
      ...(next === '' ? [] : [['continue', next] as const]),
    ]);
    const list = ObjectList.parse(answer);
    all.push(...list.items.map((item) => eventView(RawEvent.parse(item))));
    next = list.metadata.continue;
  }
  const sorted = all.toSorted(
    (a, b) => compare(b.last_at ?? '', a.last_at ?? '') || compare(a.message, b.message),
  );
  return { found: sorted.slice(0, limit), more: next !== '' || sorted.length > limit };
}

function eventView(event: z.infer<typeof RawEvent>): EventView {
  const { involvedObject: object, series } = event;
  const made = event.metadata.creationTimestamp ?? null;
  return {
    type: event.type,
    reason: event.reason,
    message: event.message.slice(0, 2000),
    object: { kind: object.kind, name: object.name, uid: object.uid },
    count: series?.count ?? event.count ?? 1,
    first_at: event.firstTimestamp ?? event.eventTime ?? made,
    last_at: series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? made,
    source: event.reportingComponent || event.source.component,
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
