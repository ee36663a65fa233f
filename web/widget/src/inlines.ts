// Reads the inside of a paragraph: emphasis, code, links, line breaks and citation markers, by CommonMark's delimiter
// algorithm (but its rule of three, which nobody writes). Total: nothing throws. Raw HTML has no meaning here: it stays text,
// and of an image only the description stays.

import { h } from './dom.ts';

/** What running text becomes. */
export type Pieces = (Node | string)[];

/** What the surroundings decide. */
export interface InlineOptions {
  /** The node for `[n]`; without one it is no citation, and the marker stays text. */
  citation?: (n: number) => Node | undefined;
  /** The address a model's link may have, or `null` to show it as text. */
  link?: (url: string) => string | null;
}

/** A run of `*` or `_`, `~~`, or a bracket (`[`, `![`), that may still become part of something; else it is text. */
interface Mark {
  glyph: string;
  /** How many of its characters have not paired yet. */
  free: number;
  /** Of a bracket: whether it may open a link. A link cannot hold a link. */
  opens: boolean;
  closes?: boolean;
}

/** Any item may be asked for a mark's properties; only marks have them. */
type Item = (Node | string | Mark) & Partial<Mark>;

/** All that is not plain text: escape, line end, code, emphasis, citation, brackets, address, entity. */
const TOKEN = /\\([\n!-/:-@[-`{-~])|(?<! )( *)\n *|(`+)(?!`)([^]*?[^`])\3(?!`)|`+|(\*+|_+|~~)|\[(\d{1,3})\](?!\()|!?\[|\]|<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*)>|&(?:#\d{1,5}|[a-z]{2,4});/gi;
/** `(url "title")`. Parentheses in the address must be balanced; one pair inside another is enough. */
const TARGET = /\(\s*(?:<([^<>\n]*)>|((?:[^\s()]|\([^\s()]*\))*))(?:\s+(["']).*?\3)?\s*\)/sy;
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** The nodes of a paragraph's text. */
export function inlines(source: string, options: InlineOptions): Pieces {
  const items: Item[] = [];
  const token = new RegExp(TOKEN);
  let at = 0;
  for (let match; (match = token.exec(source)); token.lastIndex = at) {
    const [whole, escaped, spaces, , code, run, number, address] = match;
    const cited = number && options.citation?.(+number);
    // A citation stays on the line of the words that it supports.
    const plain = source.slice(at, match.index);
    items.push(cited ? plain.replace(/ $/, '\u00a0') : plain);
    at = token.lastIndex;
    if (escaped === '\n' || spaces?.[1]) items.push(h('br'), '\n');
    else if (escaped) items.push(escaped);
    else if (spaces !== undefined) items.push('\n');
    else if (code) items.push(h('code', code.replace(/\n/g, ' ').replace(/^ (.*[^ ].*) $/, '$1')));
    else if (run) {
      const before = weight(source[match.index - 1]);
      const after = weight(source[at]);
      // An underscore inside a word is part of the word.
      const glyph = run[0]!;
      items.push({
        glyph, free: run.length,
        opens: after > 0 && after >= before && (glyph !== '_' || before < 2),
        closes: before > 0 && before >= after && (glyph !== '_' || after < 2),
      });
    } else if (cited) items.push(cited);
    else if (number || whole.endsWith('[')) {
      const glyph = number ? '[' : whole;
      items.push({ glyph, free: 1, opens: true });
      at = match.index + glyph.length;
    } else if (whole === ']') {
      const open = items.findLastIndex(isBracket);
      const bracket = items[open];
      TARGET.lastIndex = at;
      const target = bracket?.opens && TARGET.exec(source);
      if (target) {
        at = TARGET.lastIndex;
        const words = emphasise(items.splice(open).slice(1));
        if (bracket.glyph === '[') {
          items.push(...link((target[1] ?? target[2]!).replace(/\\([!-/:-@[-`{-~])|&#?\w+;/g, (all, char?: string) => char ?? entity(all)), words, options));
          for (const item of items) if (isBracket(item)) item.opens = false;
        } else items.push(...words);
      } else {
        if (bracket) items[open] = bracket.glyph!;
        items.push(']');
      }
    } else items.push(...(address ? link(address, [address], options) : [entity(whole)]));
  }
  items.push(source.slice(at));
  return emphasise(items);
}

/** A link, or its words when it may not be followed: then its address is shown as text where the words hide it. */
function link(url: string, words: Pieces, options: InlineOptions): Pieces {
  const href = options.link?.(url);
  if (href) return [h('a', { href, rel: 'noreferrer', target: '_blank' }, ...words)];
  return safeUrl(url) && words.join('') !== url ? [...words, ` (${url})`] : words;
}

/** An absolute http(s) address, or `null`. `javascript:`, `data:`, `file:` and unreadable addresses are `null`. */
export function safeUrl(url: string, base?: string): string | null {
  try {
    const { protocol, href } = new URL(url, base);
    return /^https?:$/.test(protocol) ? href : null;
  } catch {
    return null;
  }
}

/** The character of an entity; what is none stays text. */
const entity = (whole: string): string => NAMED[whole.slice(1, -1)] ?? (whole[1] === '#' ? String.fromCharCode(+whole.slice(2, -1)) : whole);

/** What stands beside a run: 0 white space, 1 punctuation, 2 anything else. */
const weight = (char = ' '): number => (/\s/.test(char) ? 0 : /[\p{P}\p{S}]/u.test(char) ? 1 : 2);

const isBracket = (item: Item): unknown => item.glyph?.includes('[');

/** Resolves runs to emphasis; what does not pair stays text. */
function emphasise(items: Item[]): Pieces {
  for (let close = 0; close < items.length; close++) {
    const closer = items[close]!;
    if (!closer.closes || !closer.free) continue;
    const open = items.findLastIndex((item, at) => at < close && item.glyph === closer.glyph && item.opens && item.free);
    const opener = items[open];
    if (!opener) continue;
    const width = opener.free! > 1 && closer.free > 1 ? 2 : 1;
    opener.free! -= width;
    closer.free -= width;
    items.splice(open + 1, close - open - 1, h(closer.glyph === '~' ? 's' : width > 1 ? 'strong' : 'em', ...settle(items.slice(open + 1, close))));
    // What is left of the closer may close more; it now stands right after the new node.
    close = open + 1;
  }
  return settle(items);
}

/** Marks that paired with nothing become text. */
const settle = (items: Item[]): Pieces => items.map((item) => item.glyph?.repeat(item.free!) ?? (item as Node | string));
