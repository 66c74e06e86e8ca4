import { AppError } from '@carapulse/kernel';

/** The stories that the demo can tell; `repair` is the plain one. */
export const VARIANTS = ['deny', 'bad-fix', 'other-cause', 'crash', 'halt', 'tamper'] as const;
export type Variant = 'repair' | (typeof VARIANTS)[number];

export interface DemoOptions {
  readonly directory: string;
  readonly variant: Variant;
  readonly port: number;
  /** Approve without asking. */
  readonly yes: boolean;
  /** End when the story has ended instead of staying up. */
  readonly exit: boolean;
}

/** @throws AppError `invalid_input` when more than one variant is asked for. */
export function variantOf(flags: Readonly<Record<string, unknown>>): Variant {
  const chosen = VARIANTS.filter((name) => flags[camelCase(name)] === true);
  if (chosen.length > 1) throw new AppError('invalid_input', `Choose one story: --${chosen.join(' or --')}.`);
  return chosen[0] ?? 'repair';
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}
