// Reads the inside of a paragraph: emphasis, code, links, line breaks and citation markers, by CommonMark's delimiter
// algorithm. Pure and total. Raw HTML has no meaning here: it stays text, and of an image only the description stays.

/** A piece of running text. A `cite` is an answer's `[n]`. */
export type Inline =
  | string
  | { type: 'em' | 'strong' | 's'; children: Inline[] }
  | { type: 'code'; text: string }
  | { type: 'break' }
  | { type: 'link'; url: string; children: Inline[] }
  | { type: 'cite'; n: number };

/** A run of `*`, `_` or `~`, or a bracket (`[`, `![`), that may still become part of something; else it is text. */
interface Mark {
  type: 'mark';
  glyph: string;
  /** How many of its characters have not paired yet. */
  free: number;
  /** Length of the whole run: CommonMark's rule of three looks at it. */
  run: number;
  /** Of a bracket: whether it may open a link. A link cannot hold a link. */
  opens: boolean;
  closes: boolean;
}
type Item = Inline | Mark;

/** All that is not plain text: escape, line end, code, emphasis, citation, brackets, address, entity. */
const TOKEN = /\\([\n!-/:-@[-`{-~])|(?<! )( *)\n *|(`+)|(\*+|_+|~~+)|\[(\d{1,3})\](?!\()|!?\[|\]|<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*)>|&(?:#\d{1,5}|[a-z]{2,4});/gi;
/** `(url "title")`. Parentheses in the address must be balanced; one pair inside another is enough. */
const TARGET = /\(\s*(?:<((?:\\.|[^<>\n\\])*)>|((?:\\\S|[^\\\s()]|\((?:\\\S|[^\\\s()])*\))*))(?:\s+(["'])(?:\\.|(?!\3)[^\\])*\3)?\s*\)/sy;
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '\u00a9' };

const isMark = (item: Item | undefined): item is Mark => typeof item === 'object' && item.type === 'mark';
const isBracket = (item: Item): item is Mark => isMark(item) && item.glyph.endsWith('[');

/** The inlines of a paragraph's text. `isCitation` says which numbers in `[n]` are citations; others stay text. */
export function inlines(source: string, isCitation: (n: number) => boolean = () => false): Inline[] {
  const items: Item[] = [];
  const token = new RegExp(TOKEN);
  let at = 0;
  for (let match; (match = token.exec(source)); token.lastIndex = at) {
    const [whole, escaped, spaces, ticks, run, number, address] = match;
    items.push(source.slice(at, match.index));
    at = token.lastIndex;
    if (escaped) items.push(escaped === '\n' ? { type: 'break' } : escaped);
    else if (spaces !== undefined) items.push(spaces.length > 1 ? { type: 'break' } : '\n');
    else if (ticks) {
      const close = new RegExp(`(?<!\`)${ticks}(?!\`)`, 'g');
      close.lastIndex = at;
      const end = close.exec(source)?.index;
      if (end === undefined) items.push(ticks);
      else {
        const text = source.slice(at, end).replace(/\n/g, ' ');
        items.push({ type: 'code', text: /^ .*[^ ].* $/.test(text) ? text.slice(1, -1) : text });
        at = close.lastIndex;
      }
    } else if (run) items.push(delimiter(source, match.index, run));
    else if (number && isCitation(+number)) items.push({ type: 'cite', n: +number });
    else if (number || whole.endsWith('[')) {
      const mark = number ? '[' : whole;
      items.push({ type: 'mark', glyph: mark, free: 1, run: 1, opens: true, closes: false });
      at = match.index + mark.length;
    } else if (whole === ']') at = closeBracket(source, at, items);
    else if (address) items.push({ type: 'link', url: address, children: [address] });
    else items.push(entity(whole));
  }
  items.push(source.slice(at));
  return emphasise(items);
}

/** The character of an entity; an unknown name stays text. */
const entity = (whole: string): string => NAMED[whole.slice(1, -1)] ?? (whole[1] === '#' ? String.fromCharCode(+whole.slice(2, -1)) : whole);

/** What stands beside a run: 0 white space, 1 punctuation, 2 anything else. */
const weight = (char: string): number => (/\s/.test(char) ? 0 : /[\p{P}\p{S}]/u.test(char) ? 1 : 2);

function delimiter(source: string, at: number, run: string): Mark {
  const before = weight(source[at - 1] ?? ' ');
  const after = weight(source[at + run.length] ?? ' ');
  const left = after > 1 || (after > 0 && before < 2);
  const right = before > 1 || (before > 0 && after < 2);
  const mark = run[0]!;
  return {
    type: 'mark', glyph: mark, free: run.length, run: run.length,
    opens: left && (mark !== '_' || !right || before === 1),
    closes: right && (mark !== '_' || !left || after === 1),
  };
}

/** Handles the `]` before `at`: makes a link when a target follows an open bracket. Returns where to go on. */
function closeBracket(source: string, at: number, items: Item[]): number {
  const open = items.findLastIndex(isBracket);
  const bracket = items[open] as Mark | undefined;
  TARGET.lastIndex = at;
  const target = bracket?.opens ? TARGET.exec(source) : null;
  if (!bracket || !target) {
    if (bracket) items[open] = bracket.glyph;
    items.push(']');
    return at;
  }
  const children = emphasise(items.splice(open).slice(1));
  // Of an image the description stays.
  if (bracket.glyph === '![') items.push(...children);
  else {
    const url = (target[1] ?? target[2]!).replace(/\\([!-/:-@[-`{-~])|&#?\w+;/g, (whole, char?: string) => char ?? entity(whole));
    items.push({ type: 'link', url, children });
    for (const item of items) if (isBracket(item)) item.opens = false;
  }
  return TARGET.lastIndex;
}

/** Resolves runs to emphasis; what does not pair stays text. */
function emphasise(items: Item[]): Inline[] {
  for (let close = 0; close < items.length; close++) {
    const closer = items[close];
    if (!isMark(closer) || !closer.closes || !closer.free) continue;
    let open = close;
    while (--open >= 0 && !pairs(items[open], closer));
    const opener = items[open] as Mark | undefined;
    if (!opener) continue;
    const width = closer.glyph === '~' || (opener.free > 1 && closer.free > 1) ? 2 : 1;
    opener.free -= width;
    closer.free -= width;
    items.splice(open + 1, close - open - 1, { type: closer.glyph === '~' ? 's' : width > 1 ? 'strong' : 'em', children: settle(items.slice(open + 1, close)) });
    // What is left of the closer may close more; it now stands right after the new node.
    close = open + 1;
  }
  return settle(items);
}

function pairs(opener: Item | undefined, closer: Mark): boolean {
  if (!isMark(opener) || opener.glyph !== closer.glyph || !opener.opens || !opener.free) return false;
  if (closer.glyph === '~') return opener.free > 1 && closer.free > 1;
  return !(opener.closes || closer.opens) || (opener.run + closer.run) % 3 > 0 || (opener.run % 3 === 0 && closer.run % 3 === 0);
}

/** Marks that paired with nothing become text, neighbouring texts one. */
function settle(items: Item[]): Inline[] {
  const out: Inline[] = [];
  for (const item of items) {
    const node = isMark(item) ? item.glyph.repeat(item.free) : item;
    if (typeof node === 'string' && typeof out.at(-1) === 'string') out[out.length - 1] += node;
    else if (node !== '') out.push(node);
  }
  return out;
}
