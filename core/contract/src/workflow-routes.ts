import { JsonObject } from '@carapulse/kernel';
import { z } from 'zod';
import type { Route } from './route.ts';
import { PlanView, WorkflowView } from './views.ts';

/** Endpoints of named workflows. */
export const WORKFLOW_ROUTES = {
  listWorkflows: {
    method: 'GET',
    idempotency: false,
    etag: false,
    id: 'listWorkflows',
    path: '/v1/workflows',
    tag: 'workflows',
    summary: 'All named workflows, with the JSON Schema of what each takes.',
    permission: 'plan.read',
    success: { status: 200, schema: z.object({ items: z.array(WorkflowView) }) },
  },
  startWorkflow: {
    method: 'POST',
    idempotency: true,
    etag: false,
    id: 'startWorkflow',
    path: '/v1/workflows/{name}/start',
    tag: 'workflows',
    summary: 'Make the plan of a named workflow; it waits for what policy asks, and nothing is changed yet.',
    permission: 'plan.create',
    params: z.object({ name: z.string().min(1).max(100) }),
    body: z.strictObject({ input: JsonObject, reason: z.string().min(1).max(500) }),
    success: { status: 201, schema: PlanView },
  },
} as const satisfies Readonly<Record<string, Route>>;
