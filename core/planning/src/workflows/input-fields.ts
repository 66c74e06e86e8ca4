import { JsonObject, type JsonValue } from '@carapulse/kernel';
import { ClusterName, DnsLabel } from '@carapulse/tools';
import { z } from 'zod';

/** A service as `context.services` names it. */
export const ServiceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/, 'the name of a service')
  .describe('The service it is for, as context.services names it: who depends on it is then known');

export const Cluster = ClusterName.describe('The cluster as connectors.kubectl.clusters names it');
export const Namespace = DnsLabel.describe('The namespace');

export const Repository = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a repository of connectors.git')
  .describe('The repository as connectors.git names it');
export const Branch = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/, 'the name of a branch')
  .default('main');

/**
 * Values of any shape that stand in a plan as they were given: none is taken for a reference of the template, which is
 * how `$ref` reads there, and none has lost digits on its way here, as JSON's numbers beyond 2^53 do.
 */
export const PlainValues = JsonObject.superRefine((values, { addIssue }) => {
  for (const { path, message } of changedOnTheWay(values, []))
    addIssue({ code: 'custom', path: [...path], message });
});

interface Changed {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function changedOnTheWay(value: JsonValue, path: Changed['path']): readonly Changed[] {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return [{ path, message: 'the number has more digits than JSON keeps; write it as a text' }];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value))
    return (value as readonly JsonValue[]).flatMap((each, index) => changedOnTheWay(each, [...path, index]));
  return Object.entries(value).flatMap(([key, each]) =>
    key === '$ref'
      ? [{ path: [...path, key], message: 'no value is called $ref here: plans take it for a reference' }]
      : changedOnTheWay(each, [...path, key]),
  );
}
