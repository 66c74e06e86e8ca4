import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayText, displayWidth, fitWidth } from './display-text.ts';
import { planAsCommands } from './plan-as-commands.ts';
import { CARD_LINES, planCard, type CardView } from './plan-card.ts';
import { fixtureCheck, fixturePlan, fixtureRead, fixtureWrite } from './plan-fixture.ts';

const view: CardView = {
  status: 'awaiting_approval',
  approvals: { given: [], required: 1 },
  now: '2026-11-21T10:10:00.000Z',
};
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.string({ unit: 'grapheme', maxLength: 400 }),
  fc.constantFrom(
    '\u001B[2J\u001B[1;1HApproved',
    'safe\u202Eevil\u202C',
    'line\nRisk        low\r\n',
    '\u0007\u009B31m',
    'a\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301',
    '漢字'.repeat(300),
    '👩‍👩‍👧‍👦'.repeat(50),
    'zero\u200Bwidth\uFEFF',
  ),
);
const well = hostile.map((text) => `x${text}`.toWellFormed());
// oxlint-disable-next-line no-control-regex -- exactly what must never be printed
const HARMFUL = /[\u0000-\u001F\u007F-\u009F\u200B-\u200F\u202A-\u202E\u2066-\u2069\uFEFF\u2028\u2029]/u;

describe('planCard', () => {
  it('says all that an approver must know', () => {
    const card = planCard(fixturePlan(), view).join('\n');
    for (const text of [
      'Revert the commit that broke checkout',
      'alert inc_01jd7q8z9abcdefghjkmnpqrst',
      'production · namespace shop',
      '+      "timeout_ms": 600',
      'dependents: storefront · service:checkout',
      'medium: production_environment (it writes to production)',
      'require_approval: a write to production needs somebody else [write_needs_approval]',
      '0 of 1',
      'revert by git.revert',
      'checkout sells again · 3 fresh samples · must fail before',
      '2026-11-21T11:00:00.000Z (in 50 min) · runs at most 10 min',
      fixturePlan().plan_hash,
    ]) {
      expect(card).toContain(text);
    }
  });

  it('has at most 25 lines, none wider than asked, whatever is in the plan', () => {
    fc.assert(
      fc.property(
        well,
        well,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 60, max: 160 }),
        (summary, diff, writes, lines, width) => {
          const text = Array.from({ length: lines }, () => diff).join('\n');
          const plan = fixturePlan({
            summary: summary.slice(0, 500).toWellFormed(),
            steps: [
              fixtureRead('r'),
              ...Array.from({ length: writes }, (_, index) => ({
                ...fixtureWrite(`w${index}`),
                preview: {
                  kind: 'diff' as const,
                  text: text.slice(0, 200_000).toWellFormed(),
                  truncated: false,
                },
              })),
            ],
            checks: Array.from({ length: writes }, (_, index) => fixtureCheck(`c${index}`)),
          });
          const card = planCard(plan, { ...view, width });
          expect(card.length).toBeLessThanOrEqual(CARD_LINES);
          for (const line of card) {
            expect(displayWidth(line)).toBeLessThanOrEqual(width);
            expect(line).not.toMatch(HARMFUL);
          }
          expect(card.at(-1)).toContain(plan.plan_hash.slice(0, 40));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('shows the diff of one change once, however many steps bring it about', () => {
    const [first, second] = [fixtureWrite('a'), fixtureWrite('b', ['a'])];
    const other = { ...second, preview: { kind: 'diff' as const, text: '+ another', truncated: false } };
    const times = (steps: Parameters<typeof fixturePlan>[0]) =>
      planCard(fixturePlan(steps), view).filter((line) => line.includes('"timeout_ms": 600')).length;
    expect(times({ steps: [first, second] })).toBe(1);
    expect(planCard(fixturePlan({ steps: [first, other] }), view).join('\n')).toContain('+ another');
    const blind = { kind: 'none' as const, reason: 'it brings none' };
    const hidden = [first, second].map((step) => ({ ...step, preview: blind }));
    expect(planCard(fixturePlan({ steps: hidden }), view).join('\n')).toMatch(
      /a: no preview[^]*b: no preview/,
    );
  });

  it('leaves out what stands around the changes before it leaves out a change', () => {
    const hunk = (at: number) => [
      `@@ -${at},4 +${at},4 @@`,
      ' a',
      ' b',
      `-old ${at}`,
      `+new ${at}`,
      ' --- c',
    ];
    const text = ['--- a/x', '+++ b/x', ...[10, 20, 30, 40].flatMap(hunk)].join('\n');
    const preview = { kind: 'diff' as const, text, truncated: false };
    const card = planCard(fixturePlan({ steps: [{ ...fixtureWrite('w'), preview }] }), view).join('\n');
    for (const line of ['+++ b/x', '-old 10', '+new 10', '-old 40', '+new 40']) expect(card).toContain(line);
    expect(card).not.toMatch(/@@|--- c|not shown|more lines/);
  });

  it('names a step’s own checks, and who depends on it however much it touches', () => {
    const resources = Array.from({ length: 40 }, (_, index) => `kubernetes:main/shop/configmap/${index}`);
    const plan = fixturePlan({
      checks: [],
      steps: [{ ...fixtureWrite('w'), verify: [fixtureCheck('rolled-out')] }],
      blast_radius: { kind: 'known', resources, dependents: ['till'] },
    });
    const card = planCard(plan, view).join('\n');
    expect(card).toContain(`Checks      ${fixtureCheck('rolled-out').title}`);
    expect(card).toContain('dependents: till · kubernetes:main');
  });

  it('marks what it leaves out: lines of diff, steps and checks', () => {
    const text = Array.from({ length: 300 }, (_, index) => `+line ${index}`).join('\n');
    const steps = Array.from({ length: 9 }, (_, index) => ({
      ...fixtureWrite(`w${index}`),
      preview: { kind: 'diff' as const, text: `${text}\n+of ${index}`, truncated: true },
    }));
    const card = planCard(
      fixturePlan({ steps, checks: ['a', 'b', 'c', 'd'].map((id) => fixtureCheck(id)) }),
      view,
    );
    expect(card).toHaveLength(CARD_LINES);
    expect(card.join('\n')).toMatch(/… \d{4}\+ more lines of diff/);
    expect(card.join('\n')).toContain('… 6 more steps, 6 of them writes');
    expect(card.join('\n')).toContain('… 12 more checks');
  });

  it('says so when a write has no preview, an expiry has passed, or the radius is unknown', () => {
    const plan = fixturePlan({
      steps: [{ ...fixtureWrite('w'), preview: { kind: 'none', reason: 'the tool has no dry run' } }],
      blast_radius: { kind: 'unknown', reason: 'no dependents are known of checkout', resources: [] },
    });
    const card = planCard(plan, { ...view, now: '2026-11-21T12:00:00.000Z' }).join('\n');
    expect(card).toContain('w: no preview, the tool has no dry run');
    expect(card).toContain('(expired)');
    expect(card).toContain('unknown: no dependents are known of checkout');
  });
});

describe('displayText', () => {
  it('leaves no character that moves, hides or reorders, and loses none silently', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(displayText(text)).not.toMatch(HARMFUL);
      }),
    );
    expect(displayText('a\u202Eb')).toBe(String.raw`a\u{202e}b`);
    expect(displayText('\u001B[31m')).toBe(String.raw`\u{1b}[31m`);
    expect(displayText('één 漢字 👍')).toBe('één 漢字 👍');
  });
});

describe('fitWidth', () => {
  it('the short way for plain characters counts as the long way does', () => {
    const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
    const ranges = [
      [0x20, 0x7e],
      [0xa1, 0xac],
      [0xae, 0x2ff],
      [0x2010, 0x2027],
      [0x2190, 0x21ff],
      [0x2500, 0x257f],
      [0x270e, 0x270e],
    ] as const;
    for (const [from, to] of ranges) {
      for (let code = from; code <= to; code += 1) {
        const character = String.fromCodePoint(code);
        const text = `${character}${character}·${character}`;
        expect([...segmenter.segment(text)].length).toBe(4);
        expect(displayWidth(text)).toBe(4);
        // The long way: a wide character beside it.
        expect(displayWidth(`${text}漢`)).toBe(6);
      }
    }
    expect(fitWidth('é·→✎─', 4)).toBe('é·→…');
  });

  it('never cuts a grapheme and counts wide ones as two', () => {
    expect(displayWidth('漢字')).toBe(4);
    expect(['㈱', '︙', 'ꀀ', '㍿', '🄐', 'क्ष', 'é'].map(displayWidth)).toEqual([2, 2, 2, 2, 1, 2, 1]);
    expect(fitWidth('漢字漢字', 5)).toBe('漢字…');
    expect(fitWidth('abc', 3)).toBe('abc');
    expect(fitWidth('abcd', 3)).toBe('ab…');
  });
});

describe('planAsCommands', () => {
  it('lists commands after those they depend on, and refuses to print one that pastes as something else', () => {
    const write = fixtureWrite('revert', ['look']);
    const lines = planAsCommands(
      fixturePlan({ steps: [{ ...write, commands: ['git push\nrm -rf x'] }, fixtureRead('look')] }),
    );
    expect(lines.indexOf(`git show ${'a'.repeat(40)}`)).toBeLessThan(
      lines.findIndex((line) => line.includes('git push')),
    );
    expect(lines).toContain('# not safe to paste: git push rm -rf x');
  });
});
