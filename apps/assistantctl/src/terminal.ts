import { createInterface } from 'node:readline/promises';

/** What a command sees of the process around it. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the person stands; the launcher of npm scripts changes the real one. */
  readonly cwd: string;
  readonly interactive: boolean;
  /** Columns of standard output, or null when it isn't a terminal. */
  readonly columns: number | null;
  readonly colour: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Asks on standard error. Only where `interactive`. */
  ask(question: string, signal: AbortSignal): Promise<string>;
}

export function processTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process;
  // A reader that has enough (`| head`) ends us quietly, as it does other tools.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    env,
    cwd: env['CARAPULSE_INVOKED_FROM'] ?? process.cwd(),
    interactive: stdin.isTTY && stderr.isTTY,
    columns: stdout.isTTY ? stdout.columns : null,
    colour: stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    ask: async (question, signal) => {
      const reader = createInterface({ input: stdin, output: stderr });
      try {
        return await reader.question(question, { signal });
      } finally {
        reader.close();
      }
    },
  };
}
