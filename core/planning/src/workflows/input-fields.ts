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
 * how `$ref` reads there; none has lost digits on its way here, as JSON's numbers beyond 2^53 do, and none is lost in YAML.
 */
export const PlainValues = JsonObject.superRefine((values, context) => {
  for (const { path, message } of changedOnTheWay(values, []))
    context.addIssue({ code: 'custom', path: [...path], message });
});

// Helm folds some to spaces, and around the others its templates render nothing.
// oxlint-disable-next-line no-control-regex -- exactly these
const NOT_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/;
const NO_TEXT = 'the text holds a control character that does not come through YAML';

interface Changed {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function changedOnTheWay(value: JsonValue, path: Changed['path']): readonly Changed[] {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return [{ path, message: 'the number has more digits than JSON keeps; write it as a text' }];
  if (typeof value === 'string' && NOT_IN_YAML.test(value)) return [{ path, message: NO_TEXT }];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value))
    return (value as readonly JsonValue[]).flatMap((each, index) => changedOnTheWay(each, [...path, index]));
  return Object.entries(value).flatMap(([key, each]) =>
    key === '$ref'
      ? [{ path: [...path, key], message: 'no value is called $ref here: plans take it for a reference' }]
      : [
          ...(NOT_IN_YAML.test(key) ? [{ path: [...path, key], message: NO_TEXT }] : []),
          ...changedOnTheWay(each, [...path, key]),
        ],
  );
}
