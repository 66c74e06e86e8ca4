import type { AnyTool } from '../tool-definition.ts';
import { alertmanager } from './alertmanager/index.ts';
import { argocd } from './argocd/index.ts';
import { gh } from './gh/index.ts';
import { git } from './git/index.ts';
import { glab } from './glab/index.ts';
import { grafana } from './grafana/index.ts';
import { helm } from './helm/index.ts';
import { http } from './http/index.ts';
import { kubectl } from './kubectl/index.ts';
import { prometheus } from './prometheus/index.ts';

/** Every tool there is. A new one is one folder beside this file and one line here. */
export const TOOLS: readonly AnyTool[] = [
  alertmanager,
  argocd,
  gh,
  git,
  glab,
  grafana,
  helm,
  http,
  kubectl,
  prometheus,
];
