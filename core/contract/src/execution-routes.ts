import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { Route } from './route.ts';
import { ExecutionSummary, ExecutionView, HistoryView, LogLine, pageOf } from './views.ts';

const params = z.object({ execution_id: idSchema('execution') });
const page = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(1000).optional(),
};
const stepId = z.string().min(1).max(63);
const why = z.string().min(1).max(500);
const reason = z.strictObject({ reason: why });
const success = { status: 202, schema: ExecutionSummary } as const;

const read = { method: 'GET', idempotency: false, etag: false, tag: 'executions' } as const;
const write = { method: 'POST', idempotency: true, etag: false, tag: 'executions' } as const;

/** What runs and what ran, and a person's hand on it. */
export const EXECUTION_ROUTES = {
  listExecutions: {
    ...read,
    id: 'listExecutions',
    path: '/v1/executions',
    summary: 'Executions, newest first.',
    permission: 'execution.read',
    query: z.object(page),
    success: { status: 200, schema: pageOf(ExecutionSummary) },
  },
  getExecution: {
    ...read,
    etag: true,
    id: 'getExecution',
    path: '/v1/executions/{execution_id}',
    summary: 'One execution with its steps, checks, evidence, and what each step waits for.',
    permission: 'execution.read',
    params,
    success: { status: 200, schema: ExecutionView },
  },
  getHistory: {
    ...read,
    id: 'getHistory',
    path: '/v1/executions/{execution_id}/history',
    summary:
      'What the run was given, has heard and answered; `carapulse workflow replay` takes it as a file.',
    permission: 'execution.read',
    params,
    success: { status: 200, schema: HistoryView },
  },
  streamLogs: {
    ...read,
    id: 'streamLogs',
    path: '/v1/executions/{execution_id}/logs',
    summary:
      'Live log as server-sent events; resumes after Last-Event-ID; ends with `stream.end`, which says whether to `reconnect`.',
    permission: 'execution.read',
    params,
    media: 'text/event-stream',
    success: { status: 200, schema: LogLine },
  },
  cancelExecution: {
    ...write,
    id: 'cancelExecution',
    path: '/v1/executions/{execution_id}/cancel',
    summary: 'Stop a run; what it wrote is undone.',
    permission: 'execution.control',
    params,
    body: reason,
    success,
  },
  resumeExecution: {
    ...write,
    id: 'resumeExecution',
    path: '/v1/executions/{execution_id}/resume',
    summary: 'Let a run that is paused, halted or parked go on.',
    permission: 'execution.control',
    params,
    body: reason,
    success,
  },
  resolveStep: {
    ...write,
    id: 'resolveStep',
    path: '/v1/executions/{execution_id}/steps/{step_id}/resolve',
    summary: 'Say what became of a step whose outcome is unknown.',
    permission: 'execution.control',
    params: z.object({ execution_id: idSchema('execution'), step_id: stepId }),
    body: z.strictObject({ outcome: z.enum(['done', 'not_done']), reason: why }),
    success,
  },
  pauseExecution: {
    ...write,
    id: 'pauseExecution',
    path: '/v1/executions/{execution_id}/pause',
    summary: 'Start nothing more; what is under way is awaited.',
    permission: 'execution.control',
    params,
    body: reason,
    success,
  },
  retryStep: {
    ...write,
    id: 'retryStep',
    path: '/v1/executions/{execution_id}/retry',
    summary: 'Make one more attempt at a step that failed, or at an undo.',
    permission: 'execution.control',
    params,
    body: z.strictObject({ step_id: stepId, reason: why }),
    success,
  },
  skipStep: {
    ...write,
    id: 'skipStep',
    path: '/v1/executions/{execution_id}/skip',
    summary: 'Declare a step that has not run, or an inconclusive check, done by a person’s word.',
    permission: 'execution.skip',
    params,
    body: z.strictObject({ step_id: stepId.optional(), check_id: stepId.optional(), reason: why }),
    success,
  },
  takeoverExecution: {
    ...write,
    id: 'takeoverExecution',
    path: '/v1/executions/{execution_id}/takeover',
    summary: 'Take a run over by hand: the engine starts nothing more, forward or back.',
    permission: 'execution.takeover',
    params,
    body: z.strictObject({ reason: z.string().min(10).max(500) }),
    success,
  },
  handbackExecution: {
    ...write,
    id: 'handbackExecution',
    path: '/v1/executions/{execution_id}/handback',
    summary: 'Give a run that was taken over back to the engine.',
    permission: 'execution.takeover',
    params,
    body: reason,
    success,
  },
  finishExecution: {
    ...write,
    id: 'finishExecution',
    path: '/v1/executions/{execution_id}/finish',
    summary: 'End a run that was taken over, as a person says.',
    permission: 'execution.takeover',
    params,
    body: z.strictObject({ as: z.enum(['succeeded', 'rolled_back', 'failed']), reason: why }),
    success,
  },
} as const satisfies Readonly<Record<string, Route>>;
