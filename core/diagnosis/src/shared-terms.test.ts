import { describe, expect, it } from 'vitest';
import { sharedTerms } from './shared-terms.ts';

const DIFF = [
  'diff --git a/config.json b/config.json',
  '--- a/inventory.json',
  '+++ b/inventory.json',
  '@@ -5,3 +5,3 @@ inventory',
  '   "inventory": {',
  '-      "timeout_ms": 600',
  '+      "timeout_ms": 20',
  '+      "comment": "failed requests return an error after a timeout"',
].join('\n');

describe('sharedTerms', () => {
  it('tells words and numbers of changed lines from those only beside them, and looks into no header', () => {
    expect(sharedTerms(['inventory did not answer within 20 ms'], DIFF, [])).toEqual({
      changed: ['20'],
      nearby: ['inventory'],
    });
    expect(sharedTerms(['config'], DIFF, [])).toEqual({ changed: [], nearby: [] });
  });

  it('counts no word that every error uses, nor one that is to be ignored', () => {
    expect(sharedTerms(['error: failed requests return after'], DIFF, [])).toEqual({
      changed: ['requests'],
      nearby: [],
    });
    expect(sharedTerms(['inventory timeout'], DIFF, ['inventory'])).toEqual({
      changed: ['timeout'],
      nearby: [],
    });
  });
});
