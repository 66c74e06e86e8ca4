import { chownSync, mkdirSync } from 'node:fs';
import type { Config } from '@carapulse/configuration';
import { yamlDocumentEditor } from '@carapulse/documents-yaml';
import type { DocumentEditor } from '@carapulse/kernel';
import type { InstallationPaths } from '../installation/installation-paths.ts';
import { findProgram, PROGRAM_DIRECTORIES } from './find-program.ts';
import { openWorkspace } from '../installation/workspace.ts';
import { LinuxSandbox, openEgressHttp } from '@carapulse/sandbox-linux';
import {
  createToolRegistry,
  TOOLS,
  type EgressHttp,
  type ProgramFinder,
  type ToolRegistry,
  type Workspace,
} from '@carapulse/tools';

export interface ToolHost {
  readonly registry: ToolRegistry;
  readonly sandbox: LinuxSandbox;
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
  mkdirSync(paths.sandbox, { recursive: true, mode: 0o700 });
  const { backend, allow_unsandboxed, program_directories: more } = config.sandbox;
  const programDirs = [...PROGRAM_DIRECTORIES, ...more];
  const sandbox = await LinuxSandbox.open(
    {
      cacheDir: paths.sandbox,
      allowUnsandboxed: allow_unsandboxed,
      programDirs,
      ...(backend !== 'auto' && { backends: [backend] }),
    },
    signal,
  );
  return {
    registry,
    sandbox,
    egressHttp: openEgressHttp(),
    workspace: await openWorkspace(paths, ownedBy(sandbox), first),
    programs: {
      has: (program) => findProgram(program, programDirs) !== null,
    },
    documents: yamlDocumentEditor,
  };
}

/** Commands run as somebody else when we are root; the directories they write must be theirs. */
function ownedBy(sandbox: LinuxSandbox): (directory: string) => void {
  if (process.getuid?.() !== 0) return () => {};
  const { uid, gid } = sandbox.runAs;
  return (directory) => chownSync(directory, uid, gid);
}
