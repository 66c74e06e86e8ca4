/**
 * OPA's calendar functions, the only ones a compiled bundle asks of its host. Instants are nanoseconds since
 * the epoch, beyond what a double holds, so arguments and results travel as JSON text. `undefined` is OPA's
 * undefined: the expression fails. Agreement with OPA is tested against OPA itself.
 */
export type CalendarBuiltin = (argumentJson: string) => string | undefined;

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/;
const NS_PER_MS = 1_000_000n;
const INT64_MAX = 2n ** 63n - 1n;

export const CALENDAR_BUILTINS: ReadonlyMap<string, CalendarBuiltin> = new Map([
  ['time.parse_rfc3339_ns', parseRfc3339],
  ['time.weekday', (argument) => atInstant(argument, (date) => JSON.stringify(WEEKDAYS[date.getUTCDay()]))],
  [
    'time.clock',
    (argument) =>
      atInstant(argument, (date) =>
        JSON.stringify([date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]),
      ),
  ],
  [
    'time.date',
    (argument) =>
      atInstant(argument, (date) =>
        JSON.stringify([date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]),
      ),
  ],
]);

function parseRfc3339(argument: string): string | undefined {
  const text: unknown = JSON.parse(argument);
  const parts = typeof text === 'string' ? RFC3339.exec(text) : null;
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offsetHours = Number(parts[9] ?? 0);
  const offsetMinutes = Number(parts[10] ?? 0);
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 24 || offsetMinutes > 60) return undefined;
  const wall = new Date(0);
  wall.setUTCFullYear(year, month - 1, day);
  wall.setUTCHours(hour, minute, second);
  if (wall.getUTCMonth() !== month - 1 || wall.getUTCDate() !== day) return undefined;
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000 * (parts[8] === '-' ? -1 : 1);
  const fraction = BigInt((parts[7] ?? '').slice(0, 9).padEnd(9, '0'));
  const ns = BigInt(wall.getTime() - offsetMs) * NS_PER_MS + fraction;
  return ns < -INT64_MAX - 1n || ns > INT64_MAX ? undefined : ns.toString();
}

function atInstant(argument: string, answer: (date: Date) => string): string | undefined {
  if (!/^-?\d+$/.test(argument)) return undefined;
  const ns = BigInt(argument);
  if (ns < -INT64_MAX - 1n || ns > INT64_MAX) return undefined;
  const ms = ns / NS_PER_MS - (ns % NS_PER_MS < 0n ? 1n : 0n);
  return answer(new Date(Number(ms)));
}
