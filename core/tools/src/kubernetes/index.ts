export * from './api-over-http.ts';
export * from './cluster-settings.ts';
export * from './kubeconfig.ts';
export * from './kubernetes-api.ts';
export * from './kubernetes-kinds.ts';
export * from './kubernetes-names.ts';
export * from './write-access.ts';
