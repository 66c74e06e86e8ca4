import { SignedStatement } from '@carapulse/approval';
import { Alert, Exclusion, Finding, Incident, Investigation } from '@carapulse/incident';
import { Actor, ContextRef } from '@carapulse/kernel';
import { Check, Plan, Step, ToolCall } from '@carapulse/plan';
import { Constraint, Decision, Effect } from '@carapulse/policy';
import { ScheduleDefinition } from '@carapulse/schedule';
import { z } from 'zod';
import {
  ApprovalView,
  EvidenceView,
  ExecutionSummary,
  ExecutionView,
  IncidentView,
  LogLine,
  PlanSummary,
  PlanView,
  PlaybookView,
  FiringView,
  ProgressView,
  ScheduleView,
  WorkflowView,
} from './views.ts';

/** Names under `components.schemas` of the OpenAPI document, so that each shape stands there once. */
export const SCHEMA_NAMES = z.registry<{ id: string }>();

const named = {
  Actor,
  Alert,
  ApprovalView,
  Check,
  Constraint,
  ContextRef,
  Decision,
  Effect,
  EvidenceView,
  Exclusion,
  ExecutionSummary,
  ExecutionView,
  Finding,
  FiringView,
  Incident,
  IncidentView,
  Investigation,
  LogLine,
  Plan,
  PlanSummary,
  PlanView,
  PlaybookView,
  ProgressView,
  ScheduleDefinition,
  ScheduleView,
  SignedStatement,
  Step,
  ToolCall,
  WorkflowView,
};
for (const [id, schema] of Object.entries(named)) SCHEMA_NAMES.add(schema, { id });
