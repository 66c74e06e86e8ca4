import { z } from 'zod';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as people write it (`250ms`, `30s`, `10m`, `1h`), parsed to milliseconds; at most 24 hours. */
export const DurationMs = z
  .string()
  .regex(/^[1-9]\d{0,8}(ms|s|m|h)$/, 'a duration such as 250ms, 30s, 10m or 1h')
  .transform((text) => {
    const [, amount = '0', unit = ''] = /^(\d+)(\w+)$/.exec(text) ?? [];
    return Number(amount) * (UNIT_MS[unit] ?? 0);
  })
  .refine((ms) => ms <= 86_400_000, 'at most 24h');
