import { ContextRef } from '@carapulse/kernel';
import { z } from 'zod';

const labelNames = z.array(z.string().min(1).max(200)).max(20);

/** How labels become an incident. The first label of a list that is there and usable wins. */
export const IncidentSettings = z.strictObject({
  default_environment: z.string().min(1).max(253).default('production'),
  labels: z
    .strictObject({
      service: labelNames.default(['service', 'app', 'app_kubernetes_io_name', 'job']),
      severity: labelNames.default(['severity', 'priority']),
      environment: labelNames.default(['environment', 'env']),
      cluster_id: labelNames.default(['cluster_id', 'cluster']),
      namespace: labelNames.default(['namespace']),
      aws_account_id: labelNames.default(['aws_account_id']),
      region: labelNames.default(['region']),
      argocd_project: labelNames.default(['argocd_project']),
    })
    .prefault({}),
  severities: z.record(z.string(), z.enum(['critical', 'warning', 'info'])).default({
    critical: 'critical',
    page: 'critical',
    emergency: 'critical',
    high: 'critical',
    error: 'critical',
    warning: 'warning',
    warn: 'warning',
    medium: 'warning',
    info: 'info',
    low: 'info',
    none: 'info',
  }),
  /** What we know of a service ourselves. It overrides the labels, which anybody who can post an alert chooses. */
  service_context: z.record(z.string(), ContextRef.omit({ tenant_id: true }).partial()).default({}),
  /** A firing this soon after the incident resolved is flapping: the incident opens again, without a new investigation. */
  flap_window_ms: z.int().nonnegative().default(300_000),
});
export type IncidentSettings = z.infer<typeof IncidentSettings>;
