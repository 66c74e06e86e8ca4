import { z } from 'zod';

const Selector = z.object({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) }))
    .default([]),
});

/** Whether a label selector of the API picks these labels. One that can't be read picks them, to be on the safe side. */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  // No selector picks nothing; an empty one picks all.
  if (selector === null || selector === undefined) return false;
  const parsed = Selector.safeParse(selector);
  if (!parsed.success) return true;
  const { matchLabels, matchExpressions } = parsed.data;
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values }) => holds(operator, values, labels[key]))
  );
}

function holds(operator: string, values: readonly string[], value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return true;
  }
}
