/**
 * How many groups the approvers cover when each may stand for one of their groups only: the size of a maximum
 * matching between approvers and groups (augmenting paths).
 */
export function distinctGroups(groupsOfApprovers: ReadonlyArray<readonly string[]>): number {
  const takenBy = new Map<string, number>();
  const place = (approver: number, tried: Set<string>): boolean => {
    for (const group of groupsOfApprovers[approver] ?? []) {
      if (tried.has(group)) continue;
      tried.add(group);
      const holder = takenBy.get(group);
      if (holder === undefined || place(holder, tried)) {
        takenBy.set(group, approver);
        return true;
      }
    }
    return false;
  };
  return groupsOfApprovers.filter((_, approver) => place(approver, new Set())).length;
}
