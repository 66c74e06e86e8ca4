export * from './croner-calendar.ts';
