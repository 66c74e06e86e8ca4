import { AppError } from '@carapulse/kernel';
import type { Measurement } from './measurement.ts';

const CLAUSE = /^(?<ratio>ratio )?(?<sign>[≤≥]) (?<bound>\d+(?:\.\d+)?)(?<times>×)?(?<rest> .*)?$/;

/**
 * Whether a measurement meets its aim; null when it has none. An aim is clauses parted by commas, each one of:
 * `≤ 5 ms` (ours), `≤ 5 ms more` (ours less peer), `ratio ≥ 0.7` or `≤ 1.15×` (the ratio). Words after them are free.
 * @throws AppError `invalid_input` for anything else, so that no aim passes because nobody understood it.
 */
export function judgeAim({ metric, ours, peer, ratio, aim }: Measurement): boolean | null {
  if (aim === '') return null;
  return aim.split(', ').every((clause) => {
    const groups = CLAUSE.exec(clause)?.groups;
    if (groups === undefined)
      throw new AppError('invalid_input', `The aim "${aim}" of "${metric}" cannot be read at "${clause}".`);
    const isRatio = groups['ratio'] !== undefined || groups['times'] !== undefined;
    const isDifference = groups['rest']?.endsWith(' more') === true;
    const value = isRatio ? ratio : isDifference ? (peer === null ? null : ours - peer) : ours;
    if (value === null) return false;
    const bound = Number(groups['bound']);
    return groups['sign'] === '≤' ? value <= bound : value >= bound;
  });
}
