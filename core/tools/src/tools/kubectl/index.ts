import { ClustersSettings } from '../../kubernetes/cluster-settings.ts';
import { defineTool } from '../../tool-definition.ts';
import { events } from './events.ts';
import { get } from './get.ts';
import { rolloutStatus } from './rollout-status.ts';

/** Kubernetes, by kubectl where it is installed and by the API itself where it is not. */
export const kubectl = defineTool<ClustersSettings>({
  name: 'kubectl',
  title: 'Kubernetes',
  settings: ClustersSettings,
  actions: [get, events, rolloutStatus],
});
