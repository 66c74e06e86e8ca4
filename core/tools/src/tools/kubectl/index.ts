import { ClustersSettings } from '../../kubernetes/cluster-settings.ts';
import { defineTool } from '../../tool-definition.ts';
import { apply } from './apply.ts';
import { applyPreview } from './apply-preview.ts';
import { cordon, uncordon } from './cordon.ts';
import { describe } from './describe.ts';
import { drain } from './drain.ts';
import { drainPreview } from './drain-preview.ts';
import { events } from './events.ts';
import { get } from './get.ts';
import { logs } from './logs.ts';
import { rolloutHistory } from './rollout-history.ts';
import { rolloutRestart } from './rollout-restart.ts';
import { rolloutStatus } from './rollout-status.ts';
import { rolloutUndo } from './rollout-undo.ts';
import { scalePreview } from './scale-preview.ts';
import { scale } from './scale.ts';
import { setImage } from './set-image.ts';

const reads = [
  get,
  describe,
  events,
  logs,
  rolloutStatus,
  rolloutHistory,
  scalePreview,
  applyPreview,
  drainPreview,
];
const writes = [scale, setImage, rolloutUndo, rolloutRestart, apply, cordon, uncordon, drain];

/** Kubernetes, by kubectl where it is installed and by the API itself where it is not. */
export const kubectl = defineTool<ClustersSettings>({
  name: 'kubectl',
  title: 'Kubernetes',
  settings: ClustersSettings,
  actions: [...reads, ...writes],
});
