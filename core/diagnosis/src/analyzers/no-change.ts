import { toTimestamp } from '@carapulse/kernel';
import { STEADY } from '../timeline.ts';
import type { Analyzer } from './analyzer.ts';

const NEAR_MS = 3_600_000;

/** Excludes a bad change: the revision that fails is one that was seen to work, or nothing was deployed near the onset. */
export const noChange: Analyzer = {
  name: 'no-change',
  cause: 'bad_change',
  analyze({ facts, timeline, incident }) {
    const service = incident.service ?? 'the service';
    const onset = toTimestamp(timeline.onsetMs);
    const base = { analyzer: 'no-change', hypothesis: `a change broke ${service}` };
    if (
      timeline.onsetFrom === 'samples' &&
      timeline.firstBad !== null &&
      timeline.firstBad === timeline.lastGood
    ) {
      return {
        excluded: [
          {
            ...base,
            reason: `the same revision ${timeline.firstBad.slice(0, 12)} answered well in ${timeline.goodOnFailing} samples before it began to fail at ${onset}`,
            evidence_ids: [
              ...(facts.samples?.evidence_ids ?? []),
              ...(facts.deployments?.evidence_ids ?? []),
            ],
          },
        ],
      };
    }
    if (facts.deployments === null || facts.deployments.items.length === 0) return {};
    const before = timeline.lastDeployment;
    const quiet = before === null ? null : timeline.onsetMs - before.atMs;
    if (quiet === null || quiet < NEAR_MS || timeline.goodOnFailing < STEADY) return {};
    return {
      excluded: [
        {
          ...base,
          reason: `nothing was deployed in the hour before ${onset}; the last deployment was at ${toTimestamp(timeline.onsetMs - quiet)}`,
          evidence_ids: [...facts.deployments.evidence_ids],
        },
      ],
    };
  },
};
