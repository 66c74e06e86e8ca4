export * from './alert.ts';
export * from './alertmanager-webhook.ts';
export * from './correlate-alerts.ts';
export * from './group-alerts.ts';
export * from './incident.ts';
export * from './incident-settings.ts';
