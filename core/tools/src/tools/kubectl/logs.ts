import { z } from 'zod';
import { objectPath, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import type { Query } from '../../kubernetes/kubernetes-api.ts';
import { DnsLabel, ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { clusterRead, place } from './cluster-action.ts';

const MAX_BYTES = 1_000_000;

const Input = z.strictObject({
  ...place,
  pod: ObjectName,
  /** Obligatory for a pod of several. */
  container: DnsLabel.optional(),
  tail_lines: z.int().min(1).max(5000).default(200),
  since_seconds: z.int().min(1).max(604_800).optional(),
  /** Of the container's run before this one. */
  previous: z.boolean().default(false),
});
const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  pod: z.string(),
  container: z.string().nullable(),
  empty: z.boolean(),
  /** True: cut at a megabyte. */
  truncated: z.boolean(),
  /** The latest last, each with when it was written. */
  lines: z.array(z.strictObject({ at: z.string().nullable(), text: z.string() })),
});

/** The last lines that a container wrote. */
export const logs = clusterRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'logs',
  description: 'The last lines that a container of a pod wrote',
  input: Input,
  output: Output,
  effects: ({ cluster, namespace, pod }) => [
    { kind: 'read', target: objectTarget(cluster, { kind: 'pod', namespace, name: pod }) },
  ],
  run: async (input, { api }) => {
    const { cluster, namespace, pod, container } = input;
    const query: Query = [
      ...(container === undefined ? [] : [['container', container] as const]),
      ['tailLines', String(input.tail_lines)],
      ...(input.since_seconds === undefined ? [] : [['sinceSeconds', String(input.since_seconds)] as const]),
      ...(input.previous ? [['previous', 'true'] as const] : []),
      ['timestamps', 'true'],
      ['limitBytes', String(MAX_BYTES)],
    ];
    const text = await api.text(objectPath({ kind: 'pod', namespace, name: pod }, 'log'), query);
    const lines = text.split('\n').filter((line) => line !== '');
    return {
      cluster,
      namespace,
      pod,
      container: container ?? null,
      empty: lines.length === 0,
      truncated: Buffer.byteLength(text) >= MAX_BYTES,
      lines: lines.map(lineOf),
    };
  },
  commands: ({ namespace, pod, container, tail_lines, since_seconds, previous }) => [
    [
      `--namespace=${namespace}`,
      'logs',
      `--tail=${tail_lines}`,
      '--timestamps',
      ...(since_seconds === undefined ? [] : [`--since=${since_seconds}s`]),
      ...(previous ? ['--previous'] : []),
      ...(container === undefined ? [] : [`--container=${container}`]),
      pod,
    ],
  ],
});

function lineOf(line: string): { at: string | null; text: string } {
  const parts = /^(\d{4}-\d{2}-\d{2}T\S+) ?([\s\S]*)$/.exec(line);
  return parts === null ? { at: null, text: line } : { at: parts[1] ?? null, text: parts[2] ?? '' };
}
