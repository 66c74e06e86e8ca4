import type { Kysely } from 'kysely';
import type { Tables } from '../tables.ts';

/** Where statements of one caller go: the pool, or the transaction it is in. */
export type Session = () => Kysely<Tables>;
