const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names that stand for numbers, from `min` on. */
  readonly names: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 7, names: DAYS },
];

/**
 * What is wrong with a cron expression, in one sentence; null when nothing is. Five fields as crontab(5) has them:
 * `*`, numbers, names of months and days, ranges, lists, and steps after `*` or a range. No seconds, nicknames, `?`, `L`,
 * `W` or `#`, which other programs read in different ways.
 */
export function cronFaults(cron: string): string | null {
  const parts = cron.split(' ');
  if (parts.length !== FIELDS.length) {
    return `it has five fields (minute, hour, day of month, month, day of week) with one space between, not ${parts.length}`;
  }
  for (const [index, field] of FIELDS.entries()) {
    for (const item of (parts[index] ?? '').split(',')) {
      const fault = itemFault(item, field);
      if (fault !== null) return `${field.name} ${JSON.stringify(item)}: ${fault}`;
    }
  }
  return null;
}

function itemFault(item: string, field: Field): string | null {
  const match = /^(?:(\*)|([a-z]+|\d{1,2})(?:-([a-z]+|\d{1,2}))?)(?:\/(\d{1,2}))?$/i.exec(item);
  if (match === null) return 'write *, a number, a name, a range as 1-5, or a step as */15';
  const [, star, from = '', to, step] = match;
  if (step !== undefined && star === undefined && to === undefined) return 'a step follows * or a range';
  if (step !== undefined && (Number(step) < 1 || Number(step) > field.max))
    return `the step lies from 1 to ${field.max}`;
  if (star !== undefined) return null;
  const low = valueOf(from, field);
  const high = to === undefined ? low : valueOf(to, field);
  if (low === null || high === null) return `it lies from ${field.min} to ${field.max}${namesOf(field)}`;
  return low > high ? 'the range goes from the smaller to the larger' : null;
}

function valueOf(text: string, { min, max, names }: Field): number | null {
  const named = names.indexOf(text.toLowerCase());
  const value = named >= 0 ? named + min : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

function namesOf({ names }: Field): string {
  return names.length === 0 ? '' : `, or ${names[0]} to ${names.at(-1)}`;
}
