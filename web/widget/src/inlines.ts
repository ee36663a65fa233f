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
  mark: string;
  count: number;
  /** Length of the whole run: CommonMark's rule of three looks at it. */
  run: number;
  /** Of a bracket: whether it may open a link. A link cannot hold a link. */
  opens: boolean;
  closes: boolean;
}
type Item = Inline | Mark;

/** All that is not plain text: escape, line end, code, emphasis, citation, brackets, address, entity. */
const TOKEN = /\\([\n!-/:-@[-`{-~])|(?<! )( *)\n *|(`+)|(\*+|_+|~~+)|\[(\d{1,3})\](?!\()|!?\[|\]|<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*)>|&(?:#x[\da-f]{1,6}|#\d{1,7}|[a-z]{2,4});/gi;
/** `(url "title")`. Parentheses in the address must be balanced; one pair inside another is enough. */
const TARGET = /\([ \n]*(?:<((?:\\.|[^<>\n\\])*)>|((?:\\\S|[^\\\s()]|\((?:\\\S|[^\\\s()])*\))*))(?:[ \n]+(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\((?:\\.|[^()\\])*\)))?[ \n]*\)/sy;
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '\u00a9' };

const isMark = (item: Item | undefined): item is Mark => typeof item === 'object' && item.type === 'mark';
const isBracket = (item: Item): item is Mark => isMark(item) && item.mark.endsWith('[');

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
        items.push({ type: 'code', text: /^ .*[^ ].* $|^ [^ ] $/.test(text) ? text.slice(1, -1) : text });
        at = close.lastIndex;
      }
    } else if (run) items.push(delimiter(source, match.index, run));
    else if (number && isCitation(+number)) items.push({ type: 'cite', n: +number });
    else if (number || whole.endsWith('[')) {
      const mark = number ? '[' : whole;
      items.push({ type: 'mark', mark, count: 1, run: 1, opens: true, closes: false });
      at = match.index + mark.length;
    } else if (whole === ']') at = closeBracket(source, at, items);
    else if (address) items.push({ type: 'link', url: address, children: [address] });
    else items.push(entity(whole));
  }
  items.push(source.slice(at));
  return emphasise(items);
}

/** The character of an entity; an unknown name stays text. */
function entity(whole: string): string {
  const name = whole.slice(1, -1);
  if (name[0] !== '#') return NAMED[name.toLowerCase()] ?? whole;
  const code = Number(name.replace(/#x/i, '0x').replace('#', ''));
  return code && code < 0x110000 ? String.fromCodePoint(code) : '\ufffd';
}

/** What stands beside a run: 0 white space, 1 punctuation, 2 anything else. */
const weight = (char: string): number => (/\s/.test(char) ? 0 : /[\p{P}\p{S}]/u.test(char) ? 1 : 2);

function delimiter(source: string, at: number, run: string): Mark {
  const before = weight([...source.slice(Math.max(0, at - 2), at)].at(-1) ?? ' ');
  const after = weight(String.fromCodePoint(source.codePointAt(at + run.length) ?? 32));
  const left = after > 1 || (after > 0 && before < 2);
  const right = before > 1 || (before > 0 && after < 2);
  const mark = run[0]!;
  return {
    type: 'mark', mark, count: run.length, run: run.length,
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
    if (bracket) items[open] = bracket.mark;
    items.push(']');
    return at;
  }
  const children = emphasise(items.splice(open).slice(1));
  if (bracket.mark === '![') items.push(plainText(children));
  else {
    const url = (target[1] ?? target[2]!).replace(/\\([!-/:-@[-`{-~])|&#?\w+;/g, (whole, char?: string) => char ?? entity(whole));
    items.push({ type: 'link', url, children });
    for (const item of items) if (isBracket(item) && item.mark === '[') item.opens = false;
  }
  return TARGET.lastIndex;
}

/** The text of inlines without marks. */
const plainText = (nodes: Inline[]): string => nodes.map((node) =>
  typeof node === 'string' ? node : 'children' in node ? plainText(node.children) : 'text' in node ? node.text : node.type === 'cite' ? `[${node.n}]` : '\n').join('');

/** Resolves runs to emphasis; what does not pair stays text. */
function emphasise(items: Item[]): Inline[] {
  for (let close = 0; close < items.length; close++) {
    const closer = items[close];
    if (!isMark(closer) || !closer.closes || !closer.count) continue;
    let open = close;
    while (--open >= 0 && !pairs(items[open], closer));
    const opener = items[open] as Mark | undefined;
    if (!opener) continue;
    const width = closer.mark === '~' || (opener.count > 1 && closer.count > 1) ? 2 : 1;
    opener.count -= width;
    closer.count -= width;
    items.splice(open + 1, close - open - 1, { type: closer.mark === '~' ? 's' : width > 1 ? 'strong' : 'em', children: settle(items.slice(open + 1, close)) });
    // What is left of the closer may close more; it now stands right after the new node.
    close = open + 1;
  }
  return settle(items);
}

function pairs(opener: Item | undefined, closer: Mark): boolean {
  if (!isMark(opener) || opener.mark !== closer.mark || !opener.opens || !opener.count) return false;
  if (closer.mark === '~') return opener.count > 1 && closer.count > 1;
  return !(opener.closes || closer.opens) || (opener.run + closer.run) % 3 > 0 || (opener.run % 3 === 0 && closer.run % 3 === 0);
}

/** Marks that paired with nothing become text, neighbouring texts one. */
function settle(items: Item[]): Inline[] {
  const out: Inline[] = [];
  for (const item of items) {
    const node = isMark(item) ? item.mark.repeat(item.count) : item;
    if (typeof node === 'string' && typeof out.at(-1) === 'string') out[out.length - 1] += node;
    else if (node !== '') out.push(node);
  }
  return out;
}
