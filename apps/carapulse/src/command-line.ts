import { resolve } from 'node:path';
import { AppError, toAppError } from '@carapulse/kernel';
import { Command, CommanderError, Option } from 'commander';
import { VERSION } from './services/runtime.ts';

const DEFAULT_DIRECTORY = '.carapulse';

interface ClusterFlags {
  readonly directory: string;
  readonly engine: 'embedded' | 'temporal';
  readonly port: number;
  readonly yes?: boolean;
  readonly exit?: boolean;
}

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

/** An option before the inner command is the outer one's, and would be ignored. */
function refuseOptionsBefore(outer: Command, inner: Command): void {
  const early = outer.options.filter((each) => outer.getOptionValueSource(each.attributeName()) === 'cli');
  if (early.length === 0) return;
  const names = early.map(({ long, short }) => long ?? short).join(' ');
  outer.error(`error: write options after the command: ${outer.name()} ${inner.name()} ${names}`);
}

function build(): Command {
  const program = new Command('carapulse')
    .description('Self-hosted, autonomous DevOps/SRE assistant: from an alert to a verified, audited repair.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError()
    // What stands after a command is that command's, though an outer one knows options of the same names.
    .enablePositionalOptions();
  const directory = [
    '-d, --directory <path>',
    'where everything of the installation lies',
    DEFAULT_DIRECTORY,
  ] as const;
  program
    .command('up', { isDefault: true })
    .description('start Carapulse: gateway, tool router and orchestrator in one process')
    .option(...directory)
    .option('-c, --config <file>', 'configuration (YAML)')
    .option('-p, --port <number>', 'port of the gateway; 0 takes any free one', port)
    .addHelpText('after', '\nExamples:\n  carapulse up\n  carapulse up --config carapulse.yaml --port 0\n')
    .action(async (options: { directory: string; config?: string; port?: number }) => {
      const { up } = await import('./commands/up.ts');
      await up(options);
    });
  program
    .command('tool-router')
    .description('start the tool router as a process of its own, beside `up` with tool_router.url')
    .option(...directory)
    .option('-c, --config <file>', 'configuration (YAML)')
    .option('-p, --port <number>', 'its port; 0 takes any free one', port)
    .addHelpText('after', '\nExamples:\n  carapulse tool-router --config carapulse.yaml\n')
    .action(async (options: { directory: string; config?: string; port?: number }) => {
      const { serveToolRouterCommand } = await import('./commands/serve.ts');
      await serveToolRouterCommand(options);
    });
  program
    .command('sandbox-exec')
    .description('start the sandbox as a process of its own, for a tool router with sandbox.url')
    .option('-c, --config <file>', 'configuration (YAML)')
    .option('-p, --port <number>', 'its port; 0 takes any free one', port)
    .addHelpText('after', '\nExamples:\n  carapulse sandbox-exec --config sandbox.yaml\n')
    .action(async (options: { config?: string; port?: number }) => {
      const { serveSandboxCommand } = await import('./commands/serve.ts');
      await serveSandboxCommand(options);
    });
  program
    .command('doctor')
    .description('tell what is missing on this machine, which sandbox is in force, and what mends it')
    .option(...directory)
    .option('-c, --config <file>', 'configuration (YAML)')
    .action(async (options: { directory: string; config?: string }) => {
      const { doctor } = await import('./commands/doctor.ts');
      process.exitCode = await doctor(options);
    });
  program
    .command('migrate')
    .description('bring the database to this version (`up` does so by itself)')
    .option(...directory)
    .option('-c, --config <file>', 'configuration (YAML)')
    .option('--dry-run', 'only tell what would be applied', false)
    .action(async (options: { directory: string; config?: string; dryRun: boolean }) => {
      const { migrate } = await import('./commands/migrate.ts');
      await migrate(options);
    });
  program
    .command('halt')
    .description('stop every write, without database, policy or gateway')
    .option(...directory)
    .option('-s, --scope <name>', '* for everything, or an environment', '*')
    .requiredOption('-r, --reason <text>', 'why')
    .action(async (options: { directory: string; scope: string; reason: string }) => {
      const { halt } = await import('./commands/halt.ts');
      await halt(options);
    });
  program
    .command('resume')
    .description('let writes run again')
    .option(...directory)
    .option('-s, --scope <name>', '* for everything, or an environment', '*')
    .action(async (options: { directory: string; scope: string }) => {
      const { resume } = await import('./commands/halt.ts');
      await resume(options);
    });
  const demo = program
    .command('demo')
    .enablePositionalOptions()
    .description(
      'see a real repair: a production that breaks, an incident, a plan, an approval, a verified run',
    )
    .option('-d, --directory <path>', 'where the demo lives; made anew each time', '.carapulse/demo')
    .option('-p, --port <number>', 'port of the gateway; 0 takes any free one', port, 0)
    .option('-y, --yes', 'let bob approve without asking you')
    .option('--exit', 'end when the story has ended (implied without a terminal)')
    .option('--deny', 'bob denies the plan: nothing changes')
    .option('--bad-fix', 'the repair does not help: it is rolled back')
    .option('--other-cause', 'the cause is not in Git: no plan is forced')
    .option('--crash', 'Carapulse is killed in the middle of the write')
    .option('--halt', 'writes are halted and resumed')
    .option('--tamper', 'the audit trail is tampered with afterwards')
    .addHelpText('after', '\nExamples:\n  carapulse demo\n  carapulse demo --crash --exit\n')
    .action(async (flags: { directory: string; port: number; yes?: boolean; exit?: boolean }) => {
      const [{ runDemo }, { variantOf }] = await Promise.all([
        import('./demo/run-demo.ts'),
        import('./demo/demo-options.ts'),
      ]);
      process.exitCode = await runDemo({
        directory: resolve(process.env['CARAPULSE_INVOKED_FROM'] ?? '.', flags.directory),
        variant: variantOf(flags),
        port: flags.port,
        yes: flags.yes === true,
        exit: flags.exit === true || !process.stdout.isTTY,
      });
    });
  demo.hook('preSubcommand', refuseOptionsBefore);
  demo
    .command('cluster')
    .description(
      'see an upgrade go bad on a real Kubernetes API server, and be taken back; it stays up to play with',
    )
    .option('-d, --directory <path>', 'where the demo lives; made anew each time', '.carapulse/demo')
    .option('-p, --port <number>', 'port of the gateway; 0 takes any free one', port, 0)
    .option('-y, --yes', 'let bob approve without asking you')
    .option('--exit', 'end when the story has ended (implied without a terminal)')
    .addOption(
      new Option('--engine <name>', 'what runs the plan')
        .choices(['embedded', 'temporal'])
        .default('embedded'),
    )
    .addHelpText('after', '\nIts servers are built once: npm run testbed -- build cluster temporal\n')
    .action(async (flags: ClusterFlags) => {
      const { runClusterDemo } = await import('./demo-cluster/run-cluster-demo.ts');
      process.exitCode = await runClusterDemo({
        directory: resolve(process.env['CARAPULSE_INVOKED_FROM'] ?? '.', flags.directory),
        engine: flags.engine,
        port: flags.port,
        yes: flags.yes === true,
        exit: flags.exit === true || !process.stdout.isTTY,
      });
    });
  program
    .command('workflow')
    .description('recorded histories of runs against this build')
    .command('replay')
    .argument('<file...>', 'histories, as `assistantctl exec history` prints them')
    .description('tell whether this build leads recorded runs where they led; exit status 1 when it does not')
    .option(directory[0], 'whose key opens histories of Temporal; no other needs it', directory[2])
    .addHelpText('after', '\nExamples:\n  carapulse workflow replay run.json\n')
    .action(async (files: readonly string[], options: { directory: string }) => {
      const { workflowReplay } = await import('./commands/workflow-replay.ts');
      process.exitCode = await workflowReplay(files, options);
    });
  program
    .command('audit')
    .description('the audit trail of a stopped installation')
    .command('verify')
    .description(
      'prove the trail from database, key and checkpoints; exit status 7 when it was tampered with',
    )
    .option(...directory)
    .option('-c, --config <file>', 'configuration (YAML), where the database is a server')
    .addHelpText(
      'after',
      '\nExamples:\n  carapulse audit verify\n  carapulse audit verify --directory /srv/carapulse\n',
    )
    .action(async (options: { directory: string; config?: string }) => {
      const { auditVerify } = await import('./commands/audit-verify.ts');
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      process.exitCode = await auditVerify(options, stop.signal);
    });
  return program;
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new AppError('invalid_input', `${text} is not a port; give a whole number from 0 to 65535.`);
}
