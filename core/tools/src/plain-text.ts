import { z } from 'zod';

/** One line for people: no control characters, no lone surrogates, something to see. */
export const plainLine = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'one line without control characters')
    .refine((text) => text.isWellFormed(), 'a text without lone surrogates')
    .refine((text) => text.trim() !== '', 'a text that says something');

/** Text of several lines for people. */
export const plainText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !/[^\P{Cc}\n\t]/u.test(text), 'a text without control characters')
    .refine((text) => text.isWellFormed(), 'a text without lone surrogates');
