import type { Signer, TrustStore } from '@carapulse/approval';
import type { AuditWriter } from '@carapulse/audit';
import type { IncidentSettings } from '@carapulse/incident';
import type { Clock, DocumentParser, JsonValue, Logger, Random } from '@carapulse/kernel';
import type { ServiceProfiles } from '@carapulse/diagnosis';
import type { ToolCatalogue } from '@carapulse/planning';
import type { Calendar } from '@carapulse/schedule';
import type { Policy } from '@carapulse/policy';
import type { HaltSwitch, ToolRouter } from '@carapulse/tools';
import type { DurableEngine } from '@carapulse/workflows';
import type { ObjectStore } from './ports/object-store.ts';
import type { Store } from './ports/store.ts';

/** Settings that operations read; resolved once from the configuration. */
export interface OperationSettings {
  readonly tenantId: string;
  readonly environment: string;
  /** Rollout stage 0–3. */
  readonly stage: number;
  readonly automatedWritesPerServiceHour: number;
  readonly maxConcurrentInvestigations: number;
  readonly maxConcurrentFirings: number;
  readonly leaseMs: number;
  readonly approvalTtlMs: number;
}

/** Turns the switch that the router reads; lives outside database, policy and gateway. */
export interface HaltControl extends HaltSwitch {
  halt(scope: string, reason: string, by: string, at: string): Promise<void>;
  /** @returns false when nothing was halted there. */
  resume(scope: string): Promise<boolean>;
  list(): readonly {
    readonly scope: string;
    readonly reason: string;
    readonly by: string;
    readonly at: string;
  }[];
}

/** Everything an operation may reach. Built once by the composition root. */
export interface Services {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly policy: Policy;
  readonly router: ToolRouter;
  readonly engine: DurableEngine;
  readonly halt: HaltControl;
  /** Says outside the database that nothing more may be written under a plan. Idempotent. */
  readonly closePlan: (planId: string, reason: string) => Promise<void>;
  readonly audit: AuditWriter;
  readonly trust: TrustStore;
  /** Signs envelopes. */
  readonly orchestratorSigner: Signer;
  /** Signs statements for people whom the gateway verified by session. */
  readonly gatewaySigner: Signer;
  readonly planning: { readonly catalogue: ToolCatalogue; readonly profiles: ServiceProfiles };
  readonly documents: DocumentParser;
  /** Reads cron expressions. */
  readonly calendar: Calendar;
  readonly settings: OperationSettings;
  readonly incidents: IncidentSettings;
  readonly clock: Clock;
  /** Waits; rejects with `cancelled` when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random: Random;
  readonly logger: Logger;
  /** Takes secrets out of what others sent, before it is stored. Keeps the shape. */
  readonly redact: (value: JsonValue) => JsonValue;
  /** The number that this process took at its start; no other has it. */
  readonly epoch: number;
}

/** What the activities of a run reach: their store refuses them once another process holds the run. */
export interface RunServices extends Services {
  readonly runEpoch: number;
}
