export * from './calendar.ts';
export * from './cron-faults.ts';
export * from './decide-due.ts';
export * from './firing.ts';
export * from './jitter.ts';
export * from './schedule.ts';
