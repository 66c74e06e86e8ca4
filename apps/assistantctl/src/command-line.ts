import { Command as Program, CommanderError, Option } from 'commander';
import type { Command, Entry } from './commands/command.ts';
import { FAMILIES } from './commands/families.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import type { GlobalOptions } from './session/session.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const VERSION = '0.1.0';
const ABOUT = `
Exit status: 0 ok, 1 error, 2 wrong use or changes found, 4 not signed in or not allowed, 5 policy denied,
  6 denied, expired or not approved, 7 verification failed, 8 stale, 124 timeout, 130 cancelled.
Environment: CARAPULSE_DIRECTORY, or CARAPULSE_URL and CARAPULSE_TOKEN for a remote server; NO_COLOR.`;

/** Runs one `assistantctl` command. @returns its exit status (see exit-codes.ts). */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  let status = 0;
  const stop = new AbortController();
  const onSignal = (): void => (stop.signal.aborted ? process.exit(EXIT.cancelled) : stop.abort());
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const program = build(terminal, stop, (code) => {
    status = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return await report(error, terminal, stop.signal);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function build(terminal: Terminal, stop: AbortController, done: (status: number) => void): Program {
  const program = new Program('assistantctl')
    .description('Command line of Carapulse: incidents, plans, approvals, runs, audit.')
    .version(VERSION)
    .addOption(
      new Option('-o, --output <format>', 'how results are shown')
        .choices(['table', 'wide', 'json', 'yaml', 'name'])
        .default('table'),
    )
    .option('-d, --directory <path>', 'the installation (default: the nearest .carapulse upward)')
    .option('--as <name>', 'which local identity you are')
    .option('--timeout <duration>', 'give up after this long, e.g. 30s, 5m')
    .addHelpText('after', ABOUT);
  prepare(program, terminal);
  for (const entry of FAMILIES) add(program, entry, terminal, stop, done);
  return program;
}

function prepare(program: Program, terminal: Terminal): void {
  program
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .configureHelp({ showGlobalOptions: true });
}

function add(
  parent: Program,
  entry: Entry,
  terminal: Terminal,
  stop: AbortController,
  done: (status: number) => void,
): void {
  const command = parent.command(`${entry.name}${'args' in entry && entry.args ? ` ${entry.args}` : ''}`);
  prepare(command, terminal);
  command.description(entry.summary);
  if ('commands' in entry) {
    for (const each of entry.commands) add(command, each, terminal, stop, done);
    return;
  }
  for (const [flags, description] of entry.required ?? []) command.requiredOption(flags, description);
  for (const option of entry.options ?? []) command.addOption(optionOf(option));
  command.addHelpText('after', examples(command, entry));
  command.action(async () => {
    const { timeout, ...globals } = command.optsWithGlobals<GlobalOptions & { timeout?: string }>();
    const timeoutMs = timeout === undefined ? null : await milliseconds(timeout);
    const timer = timeoutMs === null ? null : armed(timeoutMs, stop);
    try {
      const [{ createSession }, action] = await Promise.all([import('./session/session.ts'), entry.load()]);
      const session = createSession(
        { ...globals, ...(timeoutMs === null ? {} : { timeoutMs }) },
        terminal,
        stop.signal,
      );
      done((await action(session, command.args, command.opts())) ?? EXIT.ok);
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  });
}

function optionOf([flags, description, value]: NonNullable<Command['options']>[number]): Option {
  if (!flags.endsWith('...>')) return new Option(flags, description).default(value);
  // Commander's own variadic option would take the arguments that follow it for its own.
  return new Option(flags.replace('...>', '>'), description).argParser(
    (given: string, before: readonly string[] | undefined) => [...(before ?? []), given],
  );
}

function examples(command: Program, entry: Command): string {
  const family: string[] = [];
  for (let at = command.parent; at !== null; at = at.parent) family.unshift(at.name());
  const own = entry.examples[0]?.startsWith(entry.name) === true ? '' : ` ${entry.name}`;
  return `\nExamples:\n${entry.examples.map((each) => `  ${family.join(' ')}${own} ${each}`.trimEnd()).join('\n')}`;
}

function armed(ms: number, stop: AbortController): NodeJS.Timeout {
  return setTimeout(
    () => stop.abort(new DOMException('The time given with --timeout is over.', 'TimeoutError')),
    ms,
  );
}

async function milliseconds(text: string): Promise<number> {
  const [, count, unit] = /^(\d{1,6})(ms|s|m|h)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ''];
  if (factor !== undefined && Number(count) > 0) return Math.min(Number(count) * factor, 2_147_483_647);
  const { AppError } = await import('@carapulse/kernel');
  throw new AppError(
    'invalid_input',
    `--timeout ${text} is not a duration; write for example 30s, 5m or 1h.`,
  );
}

async function report(error: unknown, terminal: Terminal, stopped: AbortSignal): Promise<number> {
  const [{ toAppError }, { describeFailure }] = await Promise.all([
    import('@carapulse/kernel'),
    import('./output/describe-failure.ts'),
  ]);
  if (stopped.aborted) {
    const late = (stopped.reason as Error).name === 'TimeoutError';
    terminal.err(`assistantctl: ${late ? 'not finished in the time given with --timeout' : 'cancelled'}\n`);
    return late ? EXIT.timeout : EXIT.cancelled;
  }
  const failure = toAppError(error);
  for (const line of describeFailure(failure)) terminal.err(`${line}\n`);
  if (failure.code === 'internal' && terminal.env['CARAPULSE_DEBUG'] !== undefined && error instanceof Error)
    terminal.err(`${error.stack ?? ''}\n`);
  return exitCodeOf(failure.code);
}
