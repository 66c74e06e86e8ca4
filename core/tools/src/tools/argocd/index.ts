import { defineTool } from '../../tool-definition.ts';
import { appDiff } from './app-diff.ts';
import { appHistory } from './app-history.ts';
import { appResources } from './app-resources.ts';
import { app } from './app.ts';
import { ArgocdSettings } from './argocd-settings.ts';
import { sync } from './sync.ts';

/** Argo CD by the program argocd where it is installed, else by its HTTP API, version 1. */
export const argocd = defineTool<ArgocdSettings>({
  name: 'argocd',
  title: 'Argo CD',
  settings: ArgocdSettings,
  actions: [app, appResources, appDiff, appHistory, sync],
});
