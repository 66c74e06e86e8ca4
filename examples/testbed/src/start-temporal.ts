import { join } from 'node:path';
import { findBuilt, requireBinary } from './find-binaries.ts';
import { freePorts } from './free-ports.ts';
import { grpcStatus } from './grpc-call.ts';
import { startServerProcess, untilReady } from './server-process.ts';

export interface Temporal {
  /** `host:port` of its frontend (gRPC, no TLS). */
  readonly address: string;
  readonly namespace: string;
  readonly pid: number;
  /** Its command line, the same program as the server. */
  readonly binary: string;
  readonly logFile: string;
  /** Resolves with a description when it has ended, asked or not. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface ServerOptions {
  /** An existing directory for the server's data and logs. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

const NAMESPACE = 'default';
export const TEMPORAL_BUILD = 'build it with `npm run testbed -- build temporal` (about 4 minutes, once)';

export interface TemporalOptions extends ServerOptions {
  /** Further namespaces, beside `default`. */
  readonly namespaces?: readonly string[];
  /** Where it listens; a free port unless it is named. */
  readonly port?: number;
}

/**
 * Temporal's development server over a SQLite file, once its frontend knows the namespace. Started again in the same
 * directory it has all that it had.
 * @throws AppError `not_found` when it isn't built, `unavailable` when it doesn't start, `cancelled` on abort.
 */
export async function startTemporal({
  directory,
  signal,
  namespaces = [],
  port: wanted,
}: TemporalOptions): Promise<Temporal> {
  const binary = requireBinary(await findBuilt(['temporal']), 'temporal', TEMPORAL_BUILD);
  const port = wanted ?? (await freePorts(1))[0];
  const address = `127.0.0.1:${port}`;
  const server = await startServerProcess({
    name: 'temporal',
    binary,
    args: [
      'server',
      'start-dev',
      '--headless',
      '--ip=127.0.0.1',
      `--port=${port}`,
      `--db-filename=${join(directory, 'temporal.db')}`,
      // A killed server loses nothing by it: what it wrote is the kernel's. Only a machine that dies would need the disk.
      '--sqlite-pragma=synchronous=off',
      '--log-level=warn',
      ...namespaces.map((name) => `--namespace=${name}`),
    ],
    directory,
  });
  const question = {
    address,
    method: '/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace',
    text: NAMESPACE,
  };
  await untilReady(server, async (asking) => (await grpcStatus(question, asking)) === 0, signal);
  const { pid, logFile, ended, stop } = server;
  return { address, namespace: NAMESPACE, pid, binary, logFile, ended, stop };
}
