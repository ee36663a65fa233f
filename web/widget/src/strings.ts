// The widget's words. A script carries those of one language, which the build puts in; the server hands out the others
// beside it, so that nobody carries a language that is not theirs. A page may override single strings.

import { list, text } from './transcript.ts';
import type { Strings } from './en.ts';

export type { Strings };

/** The names of all words with spaces between, in the order of `en`; the build puts them in. */
declare const NAMES: string;
/** A language's name and then its words, in that order; the build puts in one language's or another's. */
declare const WORDS: string[];

/** The names of all words. */
export const names = NAMES.split(' ');

/** All languages that there are words of. */
export const TRANSLATED = /^(ar|de|en|es|fr|ja|ur|zh)\b/i;

/**
 * A language's file as strings: the words alone, in the order of `en`. What is missing or no text is left out.
 *
 * Widget and server may be of different versions, so new words are only ever added at the end of `en`.
 */
export const wordsOf = (file: unknown): Partial<Strings> =>
  Object.fromEntries(names.map((name, at) => [name, text(list(file)[at])]).filter(([, word]) => word));

/** The language that this script carries, and its words. */
export const [ownLanguage, ...ownWords] = WORDS as [string, ...string[]];

/** Whether a language is written from right to left. */
export const isRightToLeft = (language: string): boolean => /^(ar|fa|he|ps|sd|ug|ur|yi)\b/i.test(language);

/** Puts a value into a string's `{hole}`. */
export const fill = (template: string, value: string | number): string => template.replace(/\{\w+\}/, () => String(value));
