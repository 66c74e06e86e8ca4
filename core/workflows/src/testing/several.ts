export { severalProcessesConformance } from './several-processes-conformance.ts';
export type { SharedProcess, SharedWorkbench } from './several-processes-conformance.ts';
export type { FromShared, SharedAnswer, SharedProcessOrder, ToShared } from './conduct-shared-process.ts';
export { SharedTarget } from './shared-target.ts';
