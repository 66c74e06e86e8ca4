/** Test files that take minutes, the longest first. Vitest starts by size what it has not timed, and these are small. */
export const LONGEST: readonly string[] = [
  'e2e/kill-anywhere.server.test.ts',
  'e2e/temporal-engine.server.test.ts',
  'e2e/demo.server.test.ts',
  'e2e/temporal-runs.server.test.ts',
  'e2e/gitops-deploy.server.test.ts',
  'e2e/server-crash.server.test.ts',
  'e2e/scale-service.server.test.ts',
  'e2e/scale-service-temporal.server.test.ts',
  'e2e/demo-cluster.server.test.ts',
  'e2e/temporal-outage.server.test.ts',
  'e2e/temporal-restore.server.test.ts',
  'e2e/temporal-several-processes.server.test.ts',
];

/** Puts `LONGEST` first and leaves the others as they are. */
export function longestFirst<T>(files: readonly T[], pathOf: (file: T) => string): T[] {
  const rank = (file: T): number => {
    const at = LONGEST.findIndex((path) => pathOf(file).endsWith(`/${path}`));
    return at === -1 ? LONGEST.length : at;
  };
  return files.toSorted((one, other) => rank(one) - rank(other));
}
