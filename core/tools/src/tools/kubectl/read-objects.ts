import { AppError } from '@carapulse/kernel';
import type { z } from 'zod';
import type { KubernetesApi, Query } from '../../kubernetes/kubernetes-api.ts';
import { listPath, objectPath } from '../../kubernetes/kubernetes-kinds.ts';
import type { KindName, ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { ObjectList } from './object-shapes.ts';

const PAGE = 500;
const PAGES = 20;

/** One object in the shape asked for. @throws AppError `tool_failed` with status 404 when there is none. */
export async function readObject<T>(api: KubernetesApi, object: ObjectRef, shape: z.ZodType<T>): Promise<T> {
  return shape.parse(await api.get(objectPath(object)));
}

export interface ListQuery {
  readonly kind: KindName;
  /** Null: of all namespaces. */
  readonly namespace: string | null;
  readonly selector?: string | undefined;
  readonly fields?: string | undefined;
}

/** The first `limit` objects, and whether there are more. */
export async function readSome<T>(
  api: KubernetesApi,
  query: ListQuery,
  shape: z.ZodType<T>,
  limit: number,
): Promise<{ readonly items: readonly T[]; readonly more: boolean }> {
  const list = ObjectList.parse(await api.get(listPath(query.kind, query.namespace), queryOf(query, limit)));
  return { items: list.items.map((item) => shape.parse(item)), more: list.metadata.continue !== '' };
}

/** All objects, page by page. @throws AppError `tool_failed` (`too_many_objects`) when they are more than 10,000. */
export async function readAll<T>(
  api: KubernetesApi,
  query: ListQuery,
  shape: z.ZodType<T>,
): Promise<readonly T[]> {
  const items: T[] = [];
  let next = '';
  for (let page = 0; page < PAGES; page += 1) {
    const more: Query = next === '' ? [] : [['continue', next]];
    const path = listPath(query.kind, query.namespace);
    const list = ObjectList.parse(await api.get(path, [...queryOf(query, PAGE), ...more]));
    items.push(...list.items.map((item) => shape.parse(item)));
    next = list.metadata.continue;
    if (next === '') return items;
  }
  throw new AppError(
    'tool_failed',
    `There are more than ${PAGES * PAGE} of ${query.kind}; they can't be judged.`,
    {
      details: { class: 'permanent', reason: 'too_many_objects' },
    },
  );
}

function queryOf({ selector, fields }: ListQuery, limit: number): Query {
  return [
    ['limit', String(limit)],
    ...(selector === undefined ? [] : [['labelSelector', selector] as const]),
    ...(fields === undefined ? [] : [['fieldSelector', fields] as const]),
  ];
}
