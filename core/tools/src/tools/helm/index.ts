import { defineTool } from '../../tool-definition.ts';
import { EMPTY_MIRROR } from '../git/git-mirror.ts';
import { PACKED } from './chart-source.ts';
import { HelmSettings } from './helm-settings.ts';
import { getManifest, getValues, history, list, status } from './reads.ts';
import { repairPending, rollback } from './rollback.ts';
import { rollbackPreview } from './rollback-preview.ts';
import { rolloutStatus } from './rollout-status.ts';
import { upgrade } from './upgrade.ts';
import { upgradePreview } from './upgrade-preview.ts';

/** Helm: releases by helm itself; what is only read also by the records that Helm keeps in the cluster. */
export const helm = defineTool<HelmSettings>({
  name: 'helm',
  title: 'Helm',
  settings: HelmSettings,
  scratch: [...EMPTY_MIRROR, PACKED],
  actions: [
    list,
    status,
    history,
    getValues,
    getManifest,
    rolloutStatus,
    upgradePreview,
    rollbackPreview,
    upgrade,
    rollback,
    repairPending,
  ],
});
