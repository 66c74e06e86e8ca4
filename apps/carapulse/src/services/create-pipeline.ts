import type { AuditWriter } from '@carapulse/audit';
import type { Config } from '@carapulse/configuration';
import { AppError, type Clock, type Random } from '@carapulse/kernel';
import {
  createEvidenceSink,
  createToolAudit,
  createToolCallJournal,
  type ObjectStore,
  type Store,
} from '@carapulse/operations';
import { violatedConstraints, type Policy } from '@carapulse/policy';
import {
  createToolRouter,
  type HaltSwitch,
  type RouterDeps,
  type RunHold,
  type ToolRouter,
} from '@carapulse/tools';
import type { Installation } from '../installation/open-installation.ts';
import type { PlanClaims } from '../installation/plan-claims.ts';
import type { LearningRedactor } from './learning-redactor.ts';
import { operationSettings } from './operation-settings.ts';
import type { ToolHost } from './open-tools.ts';

export interface PipelineParts {
  readonly config: Config;
  readonly tools: ToolHost;
  readonly policy: Policy;
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly audit: AuditWriter;
  readonly installation: Installation;
  readonly claims: PlanClaims;
  readonly halt: HaltSwitch;
  readonly redactor: LearningRedactor;
  readonly clock: Clock;
  readonly random: Random;
  readonly sleep: RouterDeps['sleep'];
  /** The number that this process took at its start. */
  readonly process: number;
}

/** The one router pipeline over what a process has opened; the same wherever it runs. */
export function createPipeline(parts: PipelineParts): ToolRouter {
  const { config, tools, store, objects, audit, clock, random, redactor } = parts;
  const records = { store, objects, audit, clock, random, settings: operationSettings(config) };
  return createToolRouter({
    ...tools,
    policy: parts.policy,
    judge: violatedConstraints,
    trust: parts.installation.trust,
    journal: createToolCallJournal({ store, clock, claimPlan: parts.claims.claim, process: parts.process }),
    audit: createToolAudit(records),
    evidence: createEvidenceSink(records),
    halt: parts.halt,
    epochGuard: { assertCurrent: (hold) => assertHeld(store, hold) },
    redactor: { json: redactor.redactJson, text: redactor.redactText, stream: redactor.stream },
    clock,
    sleep: parts.sleep,
    stage: config.policy.stage,
    commandLimits: { memoryBytes: config.tool_router.memory_bytes, pids: config.tool_router.pids },
  });
}

async function assertHeld(store: Store, { executionId, epoch }: RunHold): Promise<void> {
  const newest = await store.read.runEpoch(executionId);
  if (newest !== null && epoch >= newest) return;
  const why = newest === null ? 'it is not in the database' : `another process holds it (epoch ${newest})`;
  throw new AppError('fenced', `Nothing is written for ${executionId} under epoch ${epoch}: ${why}.`);
}
