import { mkdirSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import type { Config } from '@carapulse/configuration';
import { yamlDocumentEditor } from '@carapulse/documents-yaml';
import type { DocumentEditor } from '@carapulse/kernel';
import type { InstallationPaths } from '../installation/installation-paths.ts';
import { findProgram, PROGRAM_DIRECTORIES } from './find-program.ts';
import { resolveSecret } from '../config/resolve-secret.ts';
import { openWorkspace } from '../installation/workspace.ts';
import { createRemoteSandbox, createRpcConnection } from '@carapulse/rpc-http';
import { LinuxSandbox, openEgressHttp } from '@carapulse/sandbox-linux';
import {
  createToolRegistry,
  TOOLS,
  type EgressHttp,
  type ProgramFinder,
  type Sandbox,
  type SandboxStatus,
  type ToolRegistry,
  type Workspace,
} from '@carapulse/tools';

/** How long a sandbox that hasn't answered yet is asked for before a call, which then fails by itself. */
const ASK_MS = 2000;

export interface ToolHost {
  readonly registry: ToolRegistry;
  readonly sandbox: Sandbox;
  /** Asks the sandbox which backend is in force now. */
  readonly sandboxStatus: (signal: AbortSignal) => Promise<SandboxStatus>;
  readonly close: () => Promise<void>;
  readonly egressHttp: EgressHttp;
  readonly workspace: Workspace;
  readonly programs: ProgramFinder;
  readonly documents: DocumentEditor;
}

/** The configured tools and what they run in. A sandbox that doesn't work is told by its status and refuses to run. */
export async function openTools(
  config: Config,
  paths: InstallationPaths,
  first: boolean,
  signal: AbortSignal,
): Promise<ToolHost> {
  const registry = createToolRegistry(TOOLS, config.connectors);
  const { sandbox, runAs, status, close } = await openSandbox(config, paths.sandbox, signal);
  const programDirs = programDirectories(config);
  return {
    registry,
    sandbox,
    sandboxStatus: status,
    close,
    egressHttp: openEgressHttp(),
    workspace: await openWorkspace(paths, ownedBy(runAs), first),
    programs: {
      has: (program) => findProgram(program, programDirs) !== null,
    },
    documents: yamlDocumentEditor,
  };
}

/** This machine's sandbox in this process, or in the one that the configuration names. */
async function openSandbox(config: Config, cacheDir: string, signal: AbortSignal) {
  const { url, token = '' } = config.sandbox;
  if (url === undefined) {
    const sandbox = await openLinuxSandbox(config, cacheDir, signal);
    const status = async (): Promise<SandboxStatus> => sandbox.status();
    return { sandbox, runAs: async () => sandbox.runAs, status, close: () => sandbox.close() };
  }
  const sandbox = createRemoteSandbox(createRpcConnection({ url, token: await resolveSecret(token) }));
  await sandbox.refresh(signal);
  return {
    sandbox,
    runAs: (within: AbortSignal) => sandbox.runAs(AbortSignal.any([within, AbortSignal.timeout(ASK_MS)])),
    status: (within: AbortSignal) => sandbox.refresh(within),
    close: async () => {},
  };
}

/** The sandbox of this process, as the configuration wants it. */
export async function openLinuxSandbox(
  config: Config,
  cacheDir: string,
  signal: AbortSignal,
): Promise<LinuxSandbox> {
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const { backend, allow_unsandboxed } = config.sandbox;
  return LinuxSandbox.open(
    {
      cacheDir,
      allowUnsandboxed: allow_unsandboxed,
      programDirs: programDirectories(config),
      ...(backend !== 'auto' && { backends: [backend] }),
    },
    signal,
  );
}

function programDirectories(config: Config): readonly string[] {
  return [...PROGRAM_DIRECTORIES, ...config.sandbox.program_directories];
}

/** Commands run as somebody else when we are root; the directories they write must be theirs. */
function ownedBy(
  runAs: (signal: AbortSignal) => Promise<{ readonly uid: number; readonly gid: number } | null>,
): (directory: string, signal: AbortSignal) => Promise<void> {
  if (process.getuid?.() !== 0) return async () => {};
  return async (directory, signal) => {
    const user = await runAs(signal);
    if (user !== null) await chown(directory, user.uid, user.gid);
  };
}
