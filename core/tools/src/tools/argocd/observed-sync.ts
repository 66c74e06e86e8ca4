import type { Observation } from '../../tool-definition.ts';
import { keyOf, openOperation } from './application.ts';
import type { Application } from './application.ts';

interface Planned {
  readonly uid: string;
  /** When the last operation had started as the sync was planned. */
  readonly last_operation_at: string | null;
}

/** Whether the operation of a key has been asked for; unknown where an operation of others may have replaced it. */
export function observedSync(found: Application, planned: Planned, key: string): Observation {
  if (found.metadata.uid !== planned.uid) return 'unknown';
  if (hasOperationOf(found, key)) return 'done';
  if (openOperation(found) !== null) return 'unknown';
  const last = found.status.operationState ?? null;
  if ((last?.startedAt ?? null) === planned.last_operation_at) return 'not_done';
  // One of the same step came before this one; a later one of others may have taken ours away.
  const before = last === null ? null : keyOf(last.operation);
  return before !== null && stepOf(before) === stepOf(key) ? 'not_done' : 'unknown';
}

/** Whether the operation that is asked for, or the last one, carries the key. */
export function hasOperationOf(found: Application, key: string): boolean {
  const operations = [found.operation, found.status.operationState?.operation];
  return operations.some((each) => each !== null && each !== undefined && keyOf(each) === key);
}

/** `execution/step` of a key. */
function stepOf(key: string): string {
  return key.split('/').slice(0, 2).join('/');
}
