import { readFile } from 'node:fs/promises';
import { AppError } from '@carapulse/kernel';

/**
 * The value behind a reference: `env:NAME` or `file:PATH`; anything else is the value itself.
 * @throws AppError `invalid_input` when the variable or file is not there; `not_supported` for `vault:`.
 */
export async function resolveSecret(reference: string): Promise<string> {
  if (reference.startsWith('env:')) {
    const value = process.env[reference.slice(4)];
    if (value === undefined)
      throw new AppError(
        'invalid_input',
        `The configuration refers to ${reference}, which is not set in the environment.`,
      );
    return value;
  }
  if (reference.startsWith('file:')) {
    try {
      return (await readFile(reference.slice(5), 'utf8')).trim();
    } catch (error) {
      throw new AppError(
        'invalid_input',
        `The configuration refers to ${reference}, which cannot be read: ${(error as Error).message}.`,
        { cause: error },
      );
    }
  }
  if (reference.startsWith('vault:'))
    throw new AppError(
      'not_supported',
      `${reference}: secrets from Vault are not supported yet; use env: or file:.`,
    );
  return reference;
}
