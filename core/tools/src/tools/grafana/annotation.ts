import { z } from 'zod';
import { foundOfKey, keyTag } from '../../key-mark.ts';
import { callGrafana } from './grafana-api.ts';
import type { Runtime } from './grafana-api.ts';

export const Annotation = z.strictObject({
  id: z.int(),
  start: z.string(),
  /** Null of a single instant. */
  end: z.string().nullable(),
  text: z.string(),
  tags: z.array(z.string()),
  dashboard_uid: z.string().nullable(),
});
export type Annotation = z.infer<typeof Annotation>;

const time = z.number().nonnegative().max(8.64e15);
const RawAnnotation = z.object({
  id: z.int(),
  time,
  timeEnd: time.nullish(),
  text: z.string().default(''),
  tags: z.array(z.string()).nullish(),
  dashboardUID: z.string().nullish(),
});

const SHOWN = 4000;
const MAX_OF_KEY = 100;

/** Annotations as the API gives them, newest first. */
export async function readAnnotations(
  runtime: Runtime,
  instance: string,
  query: ReadonlyArray<readonly [string, string]>,
): Promise<readonly Annotation[]> {
  const request = { method: 'GET', path: '/api/annotations', query } as const;
  const raw = z.array(RawAnnotation).parse(await callGrafana(runtime, instance, request));
  return raw.map((item) => ({
    id: item.id,
    start: instantOf(item.time),
    end: (item.timeEnd ?? item.time) > item.time ? instantOf(item.timeEnd ?? item.time) : null,
    text: item.text.slice(0, SHOWN).toWellFormed(),
    tags: item.tags ?? [],
    dashboard_uid: item.dashboardUID === '' ? null : (item.dashboardUID ?? null),
  }));
}

export interface Keyed {
  readonly instance: string;
  readonly key: string;
  readonly dashboard_uid?: string | undefined;
}

/** What was made under a key, at most a hundred. */
export async function annotationsOfKey(runtime: Runtime, input: Keyed): Promise<readonly Annotation[]> {
  const tag = keyTag(input.key);
  const found = await readAnnotations(runtime, input.instance, [
    ['type', 'annotation'],
    ['tags', tag],
    ['limit', String(MAX_OF_KEY)],
    ...(input.dashboard_uid === undefined ? [] : [['dashboardUID', input.dashboard_uid] as const]),
  ]);
  const dashboard = input.dashboard_uid ?? null;
  // A server that doesn't filter gives others' annotations.
  const ofKey = found.filter((each) => each.tags.includes(tag) && each.dashboard_uid === dashboard);
  return foundOfKey(`Annotations of ${input.instance}`, ofKey, found.length < MAX_OF_KEY);
}

export function annotationTarget(input: {
  readonly instance: string;
  readonly dashboard_uid?: string | undefined;
}): string {
  const inside = input.dashboard_uid === undefined ? [] : ['dashboard', input.dashboard_uid];
  return [`grafana:${input.instance}`, ...inside].join('/');
}

function instantOf(ms: number): string {
  return new Date(ms).toISOString();
}
