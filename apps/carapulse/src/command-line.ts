import { AppError, toAppError } from '@carapulse/kernel';
import { Command, CommanderError } from 'commander';
import { VERSION } from './services/runtime.ts';

const DEFAULT_DIRECTORY = '.carapulse';

/** Runs one `carapulse` command. @returns the exit status: 0 ok, 1 error, 2 wrong use, 130 cancelled. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const program = build();
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const failure = toAppError(error);
    process.stderr.write(`carapulse: ${failure.message}\n`);
    if (!(error instanceof AppError) && error instanceof Error)
      process.stderr.write(`${error.stack ?? ''}\n`);
    return failure.code === 'cancelled' ? 130 : 1;
  }
}

function build(): Command {
  const program = new Command('carapulse')
    .description('Self-hosted, autonomous DevOps/SRE assistant: from an alert to a verified, audited repair.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError();
  const directory = [
    '-d, --directory <path>',
    'where everything of the installation lies',
    DEFAULT_DIRECTORY,
  ] as const;
  program
    .command('up', { isDefault: true })
    .description('start gateway, tool router and orchestrator on the embedded database')
    .option(...directory)
    .option('-c, --config <file>', 'configuration (YAML)')
    .option('-p, --port <number>', 'port of the gateway; 0 takes any free one', port)
    .addHelpText('after', '\nExamples:\n  carapulse up\n  carapulse up --config carapulse.yaml --port 0\n')
    .action(async (options: { directory: string; config?: string; port?: number }) => {
      const { up } = await import('./commands/up.ts');
      await up(options);
    });
  return program;
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new AppError('invalid_input', `${text} is not a port; give a whole number from 0 to 65535.`);
}
