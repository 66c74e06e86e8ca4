import type { SearchAttributePair } from '@temporalio/common';
import { defineSearchAttributeKey } from '@temporalio/common';
import { MACHINE_ATTRIBUTE, VERSION_ATTRIBUTE } from './run-order.ts';

/** What a run can be found by. Temporal keeps these in clear. */
export function attributesOf(machine: string, version: number): SearchAttributePair[] {
  return [
    { key: defineSearchAttributeKey(MACHINE_ATTRIBUTE, 'KEYWORD'), value: machine },
    { key: defineSearchAttributeKey(VERSION_ATTRIBUTE, 'INT'), value: version },
  ];
}
