/** Options that several commands take. */
export const REASON = ['-r, --reason <text>', 'why; it goes into the audit trail'] as const;
export const PAGES = [
  ['-n, --limit <number>', 'how many at most, 1 to 200', '50'],
  ['--cursor <cursor>', 'go on where the list before ended'],
] as const;
