import { expect, it } from 'vitest';
import { cronFaults } from './cron-faults.ts';

it.each([
  '* * * * *',
  '0 22 * * mon-fri',
  '*/15 8-18 1,15 JAN,jul *',
  '0-30/10 0 31 12 0',
  '59 23 * * 7',
  '05 04 * * SUN',
])('takes %s', (cron) => {
  expect(cronFaults(cron)).toBeNull();
});

it.each<[string, string]>([
  ['', 'it has five fields'],
  ['* * * *', 'not 4'],
  ['* * * * * *', 'not 6'],
  ['*  * * * *', 'not 6'],
  ['@daily', 'not 1'],
  ['60 * * * *', 'minute "60": it lies from 0 to 59'],
  ['* 24 * * *', 'hour "24"'],
  ['* * 0 * *', 'day of month "0"'],
  ['* * * 13 *', 'month "13": it lies from 1 to 12, or jan to dec'],
  ['* * * * 8', 'day of week "8"'],
  ['* * * mon *', 'month "mon"'],
  ['? * * * *', 'minute "?"'],
  ['* * L * *', 'day of month "L"'],
  ['* * 15W * *', 'day of month "15W"'],
  ['* * * * fri#2', 'day of week "fri#2"'],
  ['5/15 * * * *', 'a step follows * or a range'],
  ['*/0 * * * *', 'the step lies from 1 to 59'],
  ['30-10 * * * *', 'from the smaller to the larger'],
  ['1,,2 * * * *', 'minute ""'],
  ['1- * * * *', 'minute "1-"'],
  ['+1 * * * *', 'minute "+1"'],
])('refuses %s, saying where and why', (cron, why) => {
  expect(cronFaults(cron)).toContain(why);
});
