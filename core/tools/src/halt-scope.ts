import { z } from 'zod';

/** What a halt stops: `*` for everything, else the name of an environment. */
export const HaltScope = z.string().regex(/^(\*|[a-z0-9][a-z0-9._-]{0,62})$/);
