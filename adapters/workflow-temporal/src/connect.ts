import type { Logger } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { NativeConnection, Runtime } from '@temporalio/worker';
import { MACHINE_ATTRIBUTE, VERSION_ATTRIBUTE } from './run-order.ts';
import { toTemporalLogger } from './temporal-logger.ts';

/** Where the Temporal server is and how it is spoken to. */
export interface TemporalAddress {
  /** `host:port` of its frontend. */
  readonly address: string;
  readonly namespace: string;
  readonly apiKey?: string;
  readonly tls?: { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array };
}

/** io.temporal.api.enums.v1.IndexedValueType */
const KEYWORD = 2;
const INT = 3;
const GRPC_NOT_FOUND = 5;
const GRPC_ALREADY_EXISTS = 6;
const GRPC_PERMISSION_DENIED = 7;
const GRPC_UNAUTHENTICATED = 16;
const CONNECT_MS = 10_000;
const RETRY_AT_MOST_MS = 500;

export interface Connections {
  readonly client: Connection;
  readonly closeClient: () => Promise<void>;
  readonly worker: NativeConnection;
}

/** Both connections that the SDK wants, once the namespace is known and has our search attributes. */
export async function connect(server: TemporalAddress, logger: Logger | undefined): Promise<Connections> {
  const options = toOptions(server);
  const retry = defaultGrpcRetryOptions({ maxIntervalMs: () => RETRY_AT_MOST_MS });
  let closing = false;
  const interceptor = makeGrpcRetryInterceptor({
    ...retry,
    retryableDecider: (attempt, status) => !closing && retry.retryableDecider(attempt, status),
  });
  // A call that waits for its next try would throw out of its timer on a channel that is closed already.
  const closeClient = async (): Promise<void> => {
    closing = true;
    await new Promise((resolve) => setTimeout(resolve, 2 * RETRY_AT_MOST_MS));
    await client?.close();
  };
  let client: Connection | null = null;
  try {
    // Not `connect`: what that opened in vain nobody could close, and it would keep the process alive.
    client = Connection.lazy({ ...options, connectTimeout: CONNECT_MS, interceptors: [interceptor] });
    await client.ensureConnected();
    const { namespace } = server;
    await client.withDeadline(Date.now() + CONNECT_MS, async () => {
      await (client as Connection).workflowService.describeNamespace({ namespace });
      await ensureAttributes(client as Connection, namespace);
    });
    // Not before: it keeps the process alive until the last of its connections is closed.
    installRuntime(logger);
    return { client, closeClient, worker: await NativeConnection.connect(options) };
  } catch (error) {
    await closeClient();
    throw connectError(server, error);
  }
}

function toOptions({ address, apiKey, tls }: TemporalAddress) {
  const pair =
    tls?.cert === undefined || tls.key === undefined
      ? {}
      : { clientCertPair: { crt: Buffer.from(tls.cert), key: Buffer.from(tls.key) } };
  const authority = tls?.ca === undefined ? {} : { serverRootCACertificate: Buffer.from(tls.ca) };
  return {
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined ? {} : { tls: { ...authority, ...pair } }),
  };
}

async function ensureAttributes(connection: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const wanted = { [MACHINE_ATTRIBUTE]: KEYWORD, [VERSION_ATTRIBUTE]: INT };
  const missing = Object.entries(wanted).filter(([name]) => customAttributes[name] === undefined);
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing),
    });
  } catch (error) {
    if (codeOf(error) === GRPC_ALREADY_EXISTS) return;
    throw error;
  }
}

function connectError({ address, namespace }: TemporalAddress, error: unknown): AppError {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (code === GRPC_NOT_FOUND) {
    const fix = `make it with \`temporal operator namespace create --address ${address} --namespace ${namespace} --retention 168h\``;
    return new AppError('not_found', `Temporal at ${address} has no namespace ${namespace}; ${fix}.`, {
      cause: error,
    });
  }
  if (code === GRPC_PERMISSION_DENIED || code === GRPC_UNAUTHENTICATED) {
    return new AppError('forbidden', `Temporal at ${address} does not let us in: ${message}`, {
      cause: error,
    });
  }
  return new AppError('unavailable', `Temporal at ${address} cannot be used: ${message}`, {
    cause: error,
    retryable: true,
  });
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

let installed = false;

/** The SDK's runtime is one a process; by default it would answer the process's signals itself. */
export function installRuntime(logger: Logger | undefined): void {
  if (installed) return;
  installed = true;
  const filter = 'temporalio_sdk_core=WARN,temporalio_client=WARN,temporalio_sdk=WARN';
  Runtime.install({
    logger: toTemporalLogger(logger),
    shutdownSignals: [],
    telemetryOptions: { logging: { filter, forward: {} } },
  });
}
