import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBuilt } from '@carapulse/example-testbed';
import { afterAll, beforeAll, describe } from 'vitest';
import { ArgocdClient } from './src/gitops/argocd-client.ts';
import { argocdScenes, type ArgocdPlace } from './src/gitops/argocd-scenes.ts';
import { deployedFiles, WorkingCopy } from './src/gitops/deployed-files.ts';
import { missingForGitOps, ownServers } from './src/gitops/own-servers.ts';

const missing = await missingForGitOps();
const { argocd = null } = await findBuilt(['argocd']);

describe.skipIf(missing.length > 0)('the tool argocd (needs the test bed’s Argo CD)', () => {
  let root: string;
  let place: ArgocdPlace;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const servers = await ownServers('shop', deployedFiles());
    stop = servers.stop;
    root = mkdtempSync(join(tmpdir(), 'carapulse-argocd-tool-'));
    const developer = new WorkingCopy(join(root, 'work'), servers.repository.path);
    place = { servers, developer, person: new ArgocdClient(servers) };
  });
  afterAll(async () => {
    await stop?.();
    rmSync(root, { recursive: true, force: true });
  });

  describe('by HTTP', () => {
    argocdScenes(null, 'web', () => place);
  });
  describe('by the program', () => {
    argocdScenes(argocd, 'site', () => place);
  });
});
