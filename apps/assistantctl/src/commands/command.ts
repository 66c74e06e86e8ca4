import type { Session } from '../session/session.ts';

export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
/** Does one command. @returns its exit status; nothing means 0. */
export type Action = (session: Session, args: readonly string[], flags: Flags) => Promise<number | void>;

/** A command as data: help and completion need no code of it, which is loaded when it runs. */
export interface Command {
  readonly name: string;
  /** In commander's notation: `<plan>` is required, `[plan]` is not. */
  readonly args?: string;
  readonly summary: string;
  /** One written `<value...>` may be given more than once, each time with one value. */
  readonly options?: ReadonlyArray<readonly [flags: string, description: string, value?: string]>;
  /** Options that must be given. */
  readonly required?: ReadonlyArray<readonly [flags: string, description: string]>;
  /** Without the leading `assistantctl`. */
  readonly examples: readonly string[];
  readonly load: () => Promise<Action>;
}

export interface Family {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly Entry[];
}
export type Entry = Command | Family;

/** The text of an option that the program declares to take one. */
export function text(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** An option that commander has made sure of. */
export function required(flags: Flags, name: string): string {
  const value = text(flags, name);
  if (value === undefined) throw new TypeError(`--${name} was not declared as required`);
  return value;
}

/** The texts of an option that may be given more than once. */
export function list(flags: Flags, name: string): readonly string[] {
  const value = flags[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}
