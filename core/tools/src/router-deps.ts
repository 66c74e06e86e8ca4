import type { TrustStore } from '@carapulse/approval';
import type { Policy } from '@carapulse/policy';
import type { ToolRegistry } from './registry.ts';
import type { EpochGuard, HaltSwitch, ToolCallJournal } from './router-port.ts';
import type { ConstraintJudge, EvidenceSink, ToolAudit } from './router-ports.ts';
import type { SessionPorts } from './tool-session.ts';

/** All that the router acts through. */
export interface RouterDeps extends SessionPorts {
  readonly registry: ToolRegistry;
  readonly policy: Policy;
  readonly judge: ConstraintJudge;
  readonly trust: TrustStore;
  readonly journal: ToolCallJournal;
  readonly audit: ToolAudit;
  readonly evidence: EvidenceSink;
  readonly halt: HaltSwitch;
  readonly epochGuard: EpochGuard;
  /** Waits. Rejects when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Rollout stage of the installation, 0 to 3. */
  readonly stage: number;
}
