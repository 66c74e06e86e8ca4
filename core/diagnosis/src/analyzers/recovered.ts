import { toTimestamp } from '@carapulse/kernel';
import { STEADY } from '../timeline.ts';
import type { Analyzer } from './analyzer.ts';

/** The service works again already: a repair now would change something for nothing. */
export const recovered: Analyzer = {
  name: 'recovered',
  cause: 'recovered',
  analyze({ facts, timeline, incident }) {
    if (facts.samples === null) return { missing: [{ what: 'probe samples', reason: 'none were read' }] };
    const tail = facts.samples.items.slice(-STEADY);
    const first = tail[0];
    if (first === undefined || tail.length < STEADY || tail.some((sample) => !sample.ok)) return {};
    if (timeline.onsetFrom !== 'samples') {
      return {
        excluded: [
          {
            analyzer: 'recovered',
            hypothesis: `${incident.service ?? 'the service'} fails as probes see it`,
            reason: 'no probe sample failed in the time that was looked at',
            evidence_ids: [...facts.samples.evidence_ids],
          },
        ],
      };
    }
    return {
      findings: [
        {
          analyzer: 'recovered',
          cause: 'recovered',
          statement: `${incident.service ?? 'The service'} works again: the last ${STEADY} samples, since ${toTimestamp(first.atMs)}, are good.`,
          object: { kind: 'service', id: incident.service ?? incident.group_key },
          confidence: 'certain',
          evidence_ids: [...facts.samples.evidence_ids],
          values: { service: incident.service ?? '' },
        },
      ],
    };
  },
};
