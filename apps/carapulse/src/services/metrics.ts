import type { Server } from 'node:http';
import { promisify } from 'node:util';
import { createHttpMetrics, type HttpMetrics } from '@carapulse/gateway-fastify';
import { toAppError } from '@carapulse/kernel';
import type { Policy } from '@carapulse/policy';
import type { FiringStatus } from '@carapulse/schedule';
import type { ToolRouter } from '@carapulse/tools';
import type { PlanActivities } from '@carapulse/workflows';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly http: HttpMetrics;
  countTools(router: ToolRouter): ToolRouter;
  countDecisions(policy: Policy): Policy;
  countRuns(activities: PlanActivities): PlanActivities;
  countFiring(status: FiringStatus, times: number): void;
  watchConnections(server: Server): void;
}

/** The process's metrics in one registry; the ports are counted where they are used, not inside. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const tools = new Counter({
    name: 'carapulse_tool_executions_total',
    help: 'Calls of tools, by how they ended.',
    labelNames: ['tool', 'action', 'outcome'] as const,
    registers: [registry],
  });
  const toolSeconds = new Histogram({
    name: 'carapulse_tool_execution_duration_seconds',
    help: 'Time of a call through the tool router.',
    labelNames: ['tool', 'action'] as const,
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers: [registry],
  });
  const decisions = new Counter({
    name: 'carapulse_policy_decisions_total',
    help: 'Decisions of policy, by phase.',
    labelNames: ['phase', 'decision'] as const,
    registers: [registry],
  });
  const runs = new Counter({
    name: 'carapulse_workflow_runs_total',
    help: 'Runs of plans that ended, by status.',
    labelNames: ['status'] as const,
    registers: [registry],
  });
  const firings = new Counter({
    name: 'carapulse_schedule_firings_total',
    help: 'Times of schedules whose firing ended in this process, by how.',
    labelNames: ['status'] as const,
    registers: [registry],
  });
  const counted = new WeakMap<Policy, Policy>();
  return {
    http: createHttpMetrics(registry),
    countTools: (router) => ({
      execute: async (request, options) => {
        const { tool, action } = request;
        const end = toolSeconds.startTimer({ tool, action });
        try {
          const response = await router.execute(request, options);
          tools.inc({ tool, action, outcome: 'ok' });
          return response;
        } catch (error) {
          tools.inc({ tool, action, outcome: toAppError(error).code });
          throw error;
        } finally {
          end();
        }
      },
    }),
    countRuns: (activities) => ({
      ...activities,
      finish: async (input, signal, epoch) => {
        await activities.finish(input, signal, epoch);
        runs.inc({ status: input.result.status });
      },
    }),
    countFiring: (status, times) => firings.inc({ status }, times),
    watchConnections: (server) => {
      // oxlint-disable-next-line no-new -- the registry keeps it
      new Gauge({
        name: 'carapulse_http_connections',
        help: 'Open connections of the gateway.',
        registers: [registry],
        async collect() {
          this.set(await promisify(server.getConnections.bind(server))());
        },
      });
    },
    countDecisions: (policy) => {
      const known = counted.get(policy);
      if (known !== undefined) return known;
      const wrapped: Policy = {
        bundleDigest: () => policy.bundleDigest(),
        decide: async (input, signal) => {
          const decision = await policy.decide(input, signal);
          decisions.inc({ phase: input.action.phase, decision: decision.decision });
          return decision;
        },
      };
      counted.set(policy, wrapped);
      return wrapped;
    },
  };
}
