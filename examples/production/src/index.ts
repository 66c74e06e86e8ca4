export { renderWebhook, type Alert, type AlertmanagerWebhook } from './alert.ts';
export type { AlertReceiver } from './alert-sender.ts';
export { carapulseConfig } from './carapulse-config.ts';
export type { AlertDelivery, Deployment, ProbeSample, ProductionLine } from './events.ts';
export {
  attachProduction,
  startProductionProcess,
  type ProductionHandle,
  type ProductionHandleOptions,
  type StartProductionOptions,
} from './production-handle.ts';
export {
  createProduction,
  type LocalProduction,
  type Production,
  type ProductionEndpoints,
  type ProductionOptions,
  type ProductionPids,
} from './production.ts';
export type { ServiceState } from './prober.ts';
export type { Commit, Push } from './repository.ts';
