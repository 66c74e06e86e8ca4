import type { Logger } from '@carapulse/kernel';
import type { ActivityHandler, Machine } from '@carapulse/workflows';
import type { InjectedSinks } from '@temporalio/worker';
import type { Sinks } from '@temporalio/workflow';
import type { TemporalAddress } from './connect.ts';
import type { PayloadKeys } from './payload-codec.ts';

export interface TemporalEngineOptions {
  readonly server: TemporalAddress;
  /** Prefix of the task queues; installations that share a namespace have different ones. */
  readonly taskQueue: string;
  /** The script that `bundleMachines` made of a module with these machines. */
  readonly bundle: string;
  readonly machines: readonly Machine<unknown>[];
  readonly activities: Readonly<Record<string, ActivityHandler>>;
  /** Without keys the Temporal server can read what runs are given and answer. */
  readonly payloadKeys?: PayloadKeys;
  readonly logger?: Logger;
  /** How long an aborted activity may go on before its outcome is called unknown. Default 10,000 ms. */
  readonly abortGraceMs?: number;
  /** An activity whose worker isn't heard of for so long runs again elsewhere. Default 10,000 ms. */
  readonly heartbeatMs?: number;
  /** A decision whose worker isn't heard of for so long is made elsewhere. Default 10,000 ms. */
  readonly decisionMs?: number;
  /** How long a call waits for the server. Default 10,000 ms. */
  readonly callMs?: number;
  /** What the bundled code may call outside; see Temporal's sinks. */
  readonly sinks?: InjectedSinks<Sinks>;
}
