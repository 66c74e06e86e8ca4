import { ClustersSettings } from '../../kubernetes/cluster-settings.ts';
import { defineTool } from '../../tool-definition.ts';
import { events } from './events.ts';
import { get } from './get.ts';
import { rolloutHistory } from './rollout-history.ts';
import { rolloutRestart } from './rollout-restart.ts';
import { rolloutStatus } from './rollout-status.ts';
import { rolloutUndo } from './rollout-undo.ts';
import { scalePreview } from './scale-preview.ts';
import { scale } from './scale.ts';
import { setImage } from './set-image.ts';

/** Kubernetes, by kubectl where it is installed and by the API itself where it is not. */
export const kubectl = defineTool<ClustersSettings>({
  name: 'kubectl',
  title: 'Kubernetes',
  settings: ClustersSettings,
  actions: [
    get,
    events,
    rolloutStatus,
    rolloutHistory,
    scalePreview,
    scale,
    setImage,
    rolloutUndo,
    rolloutRestart,
  ],
});
