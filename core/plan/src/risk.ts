import type { Effect, RiskLevel } from '@carapulse/policy';
import type { BlastRadius, Risk } from './plan.ts';
import type { Step } from './step.ts';

/** What the rules may look at. Nothing a model says is among it. */
export interface RiskFacts {
  readonly steps: readonly Step[];
  readonly blastRadius: BlastRadius;
  readonly environment: string;
}

type RiskRule = {
  readonly rule: string;
  readonly level: RiskLevel;
  /** Why it applies to these facts, or null when it does not. */
  readonly applies: (facts: RiskFacts) => string | null;
};

const LEVELS: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];
const MANY_FILES = 10;
const MANY_DEPENDENTS = 5;
const PRODUCTION = /^(prod|production|live)([-_.].*)?$/i;
const SECRETS_PATH =
  /(^|\/)(\.env[^/]*|secrets?|credentials?|\.?vault|id_(rsa|ed25519)|[^/]*\.(pem|key|p12|pfx|age))(\/|$)/i;
const ACCESS_PATH = /(^|\/)(CODEOWNERS|sudoers(\.d)?|sshd_config|\.github|\.gitlab-ci\.yml|rbac|iam)(\/|$)/i;

const writes = (facts: RiskFacts): readonly Step[] => facts.steps.filter((step) => step.kind === 'write');
const effects = (facts: RiskFacts): readonly Effect[] => writes(facts).flatMap((step) => step.effects);
const names = (steps: readonly Step[]): string => steps.map((step) => step.step_id).join(', ');
const because = (steps: readonly Step[], why: string): string | null =>
  steps.length === 0 ? null : `${why}: ${names(steps)}`;

/** The rules, in the order in which equals are listed. Each is deterministic and named. */
export const RISK_RULES: readonly RiskRule[] = [
  {
    rule: 'irreversible_write',
    level: 'critical',
    applies: (facts) =>
      because(
        writes(facts).filter((step) => step.rollback.kind === 'impossible'),
        'no way to undo',
      ),
  },
  {
    rule: 'secrets_path',
    level: 'critical',
    applies: (facts) => touchedPath(facts, SECRETS_PATH, 'a path that holds secrets'),
  },
  {
    rule: 'access_path',
    level: 'high',
    applies: (facts) => touchedPath(facts, ACCESS_PATH, 'a path that decides who may do what'),
  },
  {
    rule: 'unsafe_repeat',
    level: 'high',
    applies: (facts) =>
      because(
        writes(facts).filter((step) => step.repeat === 'unsafe'),
        'cannot be read back or repeated after a crash',
      ),
  },
  {
    rule: 'unknown_effect',
    level: 'high',
    applies: (facts) =>
      because(
        writes(facts).filter((step) => !step.effects.some((effect) => effect.kind !== 'read')),
        'a write that declares no effect',
      ),
  },
  {
    rule: 'many_files',
    level: 'high',
    applies: (facts) => {
      const files = effects(facts).reduce(
        (sum, effect) => sum + (effect.kind === 'git_push' ? effect.files_changed : 0),
        0,
      );
      return files > MANY_FILES ? `${files} files change, more than ${MANY_FILES}` : null;
    },
  },
  {
    rule: 'many_dependents',
    level: 'high',
    applies: ({ blastRadius }) =>
      blastRadius.kind === 'known' && blastRadius.dependents.length > MANY_DEPENDENTS
        ? `${blastRadius.dependents.length} dependents, more than ${MANY_DEPENDENTS}`
        : null,
  },
  {
    rule: 'no_preview',
    level: 'high',
    applies: (facts) =>
      because(
        writes(facts).filter((step) => step.preview.kind === 'none'),
        'the change cannot be shown before it happens',
      ),
  },
  {
    rule: 'multiple_writes',
    level: 'medium',
    applies: (facts) =>
      writes(facts).length > 1 ? `${writes(facts).length} writes: ${names(writes(facts))}` : null,
  },
  {
    rule: 'unknown_blast_radius',
    level: 'medium',
    applies: (facts) =>
      facts.blastRadius.kind === 'unknown' && writes(facts).length > 0
        ? `what depends on the target is not known: ${facts.blastRadius.reason}`
        : null,
  },
  {
    rule: 'production_environment',
    level: 'medium',
    applies: (facts) =>
      PRODUCTION.test(facts.environment) && writes(facts).length > 0
        ? `it writes to ${facts.environment}`
        : null,
  },
  {
    rule: 'reversible_write',
    level: 'low',
    applies: (facts) => because(writes(facts), 'a write with an undo'),
  },
  {
    rule: 'read_only',
    level: 'low',
    applies: (facts) => (writes(facts).length === 0 ? 'nothing is written' : null),
  },
];

function touchedPath(facts: RiskFacts, pattern: RegExp, what: string): string | null {
  const path = effects(facts)
    .flatMap((effect) => (effect.kind === 'git_push' ? effect.paths : []))
    .find((path) => pattern.test(path));
  return path === undefined ? null : `${what}: ${path}`;
}

/** The level of the strongest rule that applies, with every rule that does, strongest first. */
export function assessRisk(facts: RiskFacts): Risk {
  const rules = RISK_RULES.flatMap(({ rule, level, applies }) => {
    const reason = applies(facts);
    return reason === null ? [] : [{ rule, level, reason }];
  }).toSorted((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level));
  return { level: rules[0]?.level ?? 'low', rules };
}
