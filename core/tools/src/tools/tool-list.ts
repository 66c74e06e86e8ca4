import type { AnyTool } from '../tool-definition.ts';
import { git } from './git/index.ts';

/** Every tool there is. A new one is one folder beside this file and one line here. */
export const TOOLS: readonly AnyTool[] = [git];
