export * from './schema-names.ts';
export * from './problem.ts';
export * from './route.ts';
export * from './routes.ts';
export { SCHEDULE_ROUTES } from './schedule-routes.ts';
export * from './views.ts';
