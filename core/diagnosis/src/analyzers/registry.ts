import type { Analyzer } from './analyzer.ts';
import { dependencyDown } from './dependency-down.ts';
import { firstBadRevision } from './first-bad-revision.ts';
import { noChange } from './no-change.ts';
import { recovered } from './recovered.ts';

/** Every analyzer; findings of equal confidence keep this order. */
export const ANALYZERS: readonly Analyzer[] = [recovered, firstBadRevision, noChange, dependencyDown];
