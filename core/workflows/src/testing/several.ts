export { severalProcessesConformance } from './several-processes-conformance.ts';
export type { SharedProcess, SharedWorkbench } from './several-processes-conformance.ts';
export type { FromShared, SharedAnswer, SharedProcessOrder, ToShared } from './conduct-shared-process.ts';
export { SharedTarget } from './shared-target.ts';
export { forkSharedProcess } from './fork-shared-process.ts';
export type { SharedProgram } from './fork-shared-process.ts';
export { openTcpPath } from './tcp-path.ts';
export type { TcpPath } from './tcp-path.ts';
