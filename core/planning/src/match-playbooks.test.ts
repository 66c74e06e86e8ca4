import type { Alert, Finding } from '@carapulse/incident';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchPlaybooks, type MatchInput } from './match-playbooks.ts';
import { ALERT, COMMIT, DOCUMENT, FINDING, INCIDENT, loadFixture, PROFILE } from './testing.ts';

const input = (change: Partial<MatchInput> = {}): MatchInput => ({
  playbooks: [loadFixture()],
  incident: INCIDENT,
  alerts: [ALERT],
  diagnosis: { findings: [FINDING] },
  profile: PROFILE,
  ...change,
});
const first = (change: Partial<MatchInput> = {}) => matchPlaybooks(input(change))[0];
const finding = (change: Partial<Finding>): Finding => ({ ...FINDING, ...change });
const labelled = (labels: Alert['labels'], change: Partial<Alert> = {}): Alert => ({
  ...ALERT,
  labels,
  ...change,
});

describe('matchPlaybooks', () => {
  it('says why a playbook matches and binds its parameters', () => {
    expect(first()).toMatchObject({
      matched: true,
      because: [
        'alert CheckoutErrors has severity in (critical)',
        'cause bad_change is certain (first-bad-revision)',
      ],
      parameters: {
        repository: 'shop',
        branch: 'main',
        commit: COMMIT,
        probe_url: 'http://127.0.0.1:9000/checkout',
      },
    });
  });

  it.each([
    [
      'no alert fires any more',
      { alerts: [{ ...ALERT, status: 'resolved' as const }] },
      'no alert of the incident is firing',
    ],
    [
      'no label fits',
      { alerts: [labelled({ severity: 'info' })] },
      'no firing alert has severity in (critical)',
    ],
    [
      'the diagnosis abstained',
      { diagnosis: { findings: [] } },
      'no finding names bad_change; the diagnosis abstained',
    ],
    [
      'another cause was found',
      { diagnosis: { findings: [finding({ cause: 'dependency_failure' })] } },
      'no finding names bad_change; it names dependency_failure',
    ],
    [
      'the finding is not sure enough',
      { diagnosis: { findings: [finding({ confidence: 'possible' })] } },
      'bad_change is only possible; the playbook wants at least likely',
    ],
    [
      'the service works again',
      { diagnosis: { findings: [FINDING, finding({ cause: 'recovered' })] } },
      'the service works again already',
    ],
    [
      'nothing is known of the service',
      { profile: null },
      'parameter repository: /repository of the service profile is not there',
    ],
    [
      'a value does not fit its charset',
      { diagnosis: { findings: [finding({ values: { commit: '--upload-pack=x' } })] } },
      'parameter commit: it holds more than the charset hex allows',
    ],
    [
      'a value is of another type',
      { diagnosis: { findings: [finding({ values: { commit: 12 } })] } },
      'parameter commit: it is not a text',
    ],
  ])('says why one does not match: %s', (_, change, reason) => {
    const match = first(change);
    expect(match?.matched).toBe(false);
    expect(match?.because).toContain(reason);
  });

  it('wants all matchers of a list from one and the same alert', () => {
    const playbook = loadFixture({
      match: {
        alerts: [
          { label: 'severity', op: 'eq', value: 'critical' },
          { label: 'team', op: 'exists' },
        ],
        cause: 'bad_change',
      },
    });
    const apart = [labelled({ severity: 'critical' }), labelled({ team: 'shop' }, { fingerprint: 'f2' })];
    expect(first({ playbooks: [playbook], alerts: apart })?.because).toEqual([
      'no single firing alert has severity=critical, a label team',
    ]);
    expect(
      first({ playbooks: [playbook], alerts: [labelled({ severity: 'critical', team: 'shop' })] })?.matched,
    ).toBe(true);
  });

  it('orders by sureness, then by how particular the playbook is, then by name, in any order of the input', () => {
    const named = (name: string, match: object) => loadFixture({ name, match });
    const playbooks = [
      named('z-particular', {
        ...DOCUMENT.match,
        alerts: [...DOCUMENT.match.alerts, { label: 'service', op: 'exists' }],
      }),
      named('a-general', DOCUMENT.match),
      named('b-general', DOCUMENT.match),
      named('alerts-alone', { alerts: DOCUMENT.match.alerts }),
      named('other', { cause: 'certificate_expired' }),
    ];
    const expected = ['z-particular', 'a-general', 'b-general', 'alerts-alone', 'other'];
    fc.assert(
      fc.property(fc.shuffledSubarray(playbooks, { minLength: 5, maxLength: 5 }), (order) => {
        const names = matchPlaybooks(input({ playbooks: order })).map(
          (match) => match.playbook.playbook.name,
        );
        // A playbook whose parameters come from a finding can't bind them without a cause of its own.
        expect(names.slice(0, 3)).toEqual(expected.slice(0, 3));
        expect(names.slice(3).toSorted()).toEqual(expected.slice(3).toSorted());
      }),
    );
  });

  it('takes no label for a parameter that its charset would not let stand alone as an argument', () => {
    const playbook = loadFixture({
      match: { alerts: DOCUMENT.match.alerts, cause: 'bad_change' },
      parameters: {
        ...DOCUMENT.parameters,
        job: { type: 'string', charset: 'name', from: { alert_label: 'job' } },
      },
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.constantFrom('-rf', '--x', 'a b', '$(x)', 'a;b', '..', ''),
        ),
        (job) => {
          const match = first({ playbooks: [playbook], alerts: [labelled({ severity: 'critical', job })] });
          if (match?.matched === true)
            expect(match.parameters['job']).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/);
        },
      ),
    );
    expect(
      first({ playbooks: [playbook], alerts: [labelled({ severity: 'critical', job: '-rf' })] })?.matched,
    ).toBe(false);
  });
});
