// Reads the inside of a paragraph: emphasis, code, links, line breaks and citation markers, by CommonMark's delimiter
// algorithm. Pure and total. Raw HTML has no meaning here: it stays text.

/** A piece of running text. A `cite` is an answer's `[n]`; an `image` keeps only its description, nothing is loaded. */
export type Inline =
  | string
  | { type: 'em' | 'strong' | 's'; children: Inline[] }
  | { type: 'code'; text: string }
  | { type: 'break' }
  | { type: 'link'; url: string; children: Inline[] }
  | { type: 'image'; url: string; text: string }
  | { type: 'cite'; n: number };

interface Delimiter {
  type: 'delimiter';
  mark: string;
  count: number;
  /** Length of the whole run: CommonMark's rule of three looks at it. */
  run: number;
  opens: boolean;
  closes: boolean;
}
interface Bracket {
  type: 'bracket';
  image: boolean;
  /** Where the text after the bracket begins. */
  at: number;
  /** A link cannot hold a link: brackets outside a finished link are switched off. */
  active: boolean;
}
type Item = Inline | Delimiter | Bracket;

const ESCAPABLE = /[!-/:-@[-`{-~]/;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '\u00a9' };
const ENTITY = /&(?:#[xX]([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-zA-Z]{2,31}));/y;

/** The inlines of a paragraph's text. `isCitation` says which numbers in `[n]` are citations; others stay text. */
export function inlines(source: string, isCitation: (n: number) => boolean = () => false): Inline[] {
  const items: Item[] = [];
  let plain = '';
  const flush = (): void => {
    if (plain) items.push(plain);
    plain = '';
  };
  const codeEnds = new Map<number, number>();
  let at = 0;
  while (at < source.length) {
    const char = source[at]!;
    if (char === '\\') {
      const next = source[at + 1];
      if (next === '\n') {
        flush();
        items.push({ type: 'break' });
        at += 2;
      } else if (next && ESCAPABLE.test(next)) {
        plain += next;
        at += 2;
      } else {
        plain += char;
        at++;
      }
    } else if (char === '\n') {
      const hard = plain.endsWith('  ');
      plain = plain.replace(/ +$/, '');
      if (hard) {
        flush();
        items.push({ type: 'break' });
      } else plain += '\n';
      at++;
      while (source[at] === ' ') at++;
    } else if (char === '`') {
      const run = runLength(source, at);
      const end = codeEnd(source, at + run, run, codeEnds);
      if (end < 0) plain += source.slice(at, at + run);
      else {
        flush();
        let text = source.slice(at + run, end).replace(/\n/g, ' ');
        if (/^ .*[^ ].* $|^ [^ ] $/s.test(text)) text = text.slice(1, -1);
        items.push({ type: 'code', text });
      }
      at = end < 0 ? at + run : end + run;
    } else if (char === '*' || char === '_' || (char === '~' && source[at + 1] === '~')) {
      flush();
      const run = runLength(source, at);
      items.push(delimiter(source, at, run));
      at += run;
    } else if (char === '!' && source[at + 1] === '[') {
      flush();
      items.push({ type: 'bracket', image: true, at: at + 2, active: true });
      at += 2;
    } else if (char === '[') {
      const cite = /^\[(\d{1,3})\](?!\()/.exec(source.slice(at, at + 6));
      flush();
      if (cite && isCitation(Number(cite[1]))) {
        items.push({ type: 'cite', n: Number(cite[1]) });
        at += cite[0].length;
      } else {
        items.push({ type: 'bracket', image: false, at: at + 1, active: true });
        at++;
      }
    } else if (char === ']') {
      flush();
      at = closeBracket(source, at, items);
    } else if (char === '<') {
      const auto = /^<([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*)>/.exec(source.slice(at, at + 2048));
      if (auto) {
        flush();
        items.push({ type: 'link', url: auto[1]!, children: [auto[1]!] });
        at += auto[0].length;
      } else {
        plain += char;
        at++;
      }
    } else if (char === '&') {
      const [text, length] = entity(source, at);
      plain += text;
      at += length;
    } else {
      plain += char;
      at++;
    }
  }
  flush();
  return emphasise(items);
}

function runLength(source: string, at: number): number {
  let end = at + 1;
  while (source[end] === source[at]) end++;
  return end - at;
}

/** Finds the closing run of backticks; what was looked up once is remembered, so that hostile text stays linear. */
function codeEnd(source: string, from: number, length: number, known: Map<number, number>): number {
  if ((known.get(length) ?? 0) === -1) return -1;
  for (let at = source.indexOf('`', from); at >= 0; at = source.indexOf('`', at)) {
    const run = runLength(source, at);
    if (run === length) return at;
    at += run;
  }
  known.set(length, -1);
  return -1;
}

function entity(source: string, at: number): [string, number] {
  ENTITY.lastIndex = at;
  const match = ENTITY.exec(source);
  if (match) {
    const code = match[1] ? Number.parseInt(match[1], 16) : match[2] ? Number.parseInt(match[2], 10) : -1;
    const text = code >= 0 ? (code && code < 0x110000 && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '\ufffd') : NAMED[match[3]!];
    if (text !== undefined) return [text, match[0].length];
  }
  return ['&', 1];
}

function delimiter(source: string, at: number, run: number): Delimiter {
  const before = [...source.slice(Math.max(0, at - 2), at)].at(-1) ?? ' ';
  const after = String.fromCodePoint(source.codePointAt(at + run) ?? 32);
  const left = !/\s/.test(after) && (!PUNCTUATION.test(after) || /\s/.test(before) || PUNCTUATION.test(before));
  const right = !/\s/.test(before) && (!PUNCTUATION.test(before) || /\s/.test(after) || PUNCTUATION.test(after));
  const mark = source[at]!;
  const inner = mark === '_';
  return {
    type: 'delimiter', mark, count: run, run,
    opens: left && (!inner || !right || PUNCTUATION.test(before)),
    closes: right && (!inner || !left || PUNCTUATION.test(after)),
  };
}

/** Handles `]`: makes a link or an image when a target follows an open bracket. Returns where to go on. */
function closeBracket(source: string, at: number, items: Item[]): number {
  let open = items.length - 1;
  for (; open >= 0; open--) {
    const item = items[open]!;
    if (typeof item !== 'string' && item.type === 'bracket') break;
  }
  const bracket = items[open] as Bracket | undefined;
  const target = bracket?.active && source[at + 1] === '(' ? linkTarget(source, at + 1) : null;
  if (!bracket || !target) {
    if (bracket) items[open] = bracket.image ? '![' : '[';
    items.push(']');
    return at + 1;
  }
  const children = emphasise(items.splice(open).slice(1));
  if (bracket.image) items.push({ type: 'image', url: target.url, text: plainText(children) });
  else {
    items.push({ type: 'link', url: target.url, children });
    for (const item of items) if (typeof item !== 'string' && item.type === 'bracket' && !item.image) item.active = false;
  }
  return target.end;
}

/** Reads `(url "title")` beginning at the parenthesis. Parentheses in the address must be balanced. */
function linkTarget(source: string, at: number): { url: string; end: number } | null {
  const space = /[ \n]*/y;
  const skip = (from: number): number => {
    space.lastIndex = from;
    return from + space.exec(source)![0].length;
  };
  let pos = skip(at + 1);
  let url = '';
  if (source[pos] === '<') {
    const match = /^<((?:[^<>\n\\]|\\.)*)>/.exec(source.slice(pos));
    if (!match) return null;
    url = match[1]!;
    pos += match[0].length;
  } else {
    let depth = 0;
    const from = pos;
    for (; pos < source.length; pos++) {
      const char = source[pos]!;
      if (char === '\\' && ESCAPABLE.test(source[pos + 1] ?? ' ')) pos++;
      else if (char <= ' ' || char === '\x7f') break;
      else if (char === '(') {
        if (++depth > 32) return null;
      } else if (char === ')' && depth-- === 0) break;
    }
    if (depth > 0) return null;
    url = source.slice(from, pos);
  }
  let end = skip(pos);
  if (end > pos && /["'(]/.test(source[end] ?? '')) {
    const title = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\))/s.exec(source.slice(end));
    if (!title) return null;
    end = skip(end + title[0].length);
  }
  if (source[end] !== ')') return null;
  const unescaped = url.replace(/\\([!-/:-@[-`{-~])/g, '$1').replace(/&[#\w]+;/g, (text) => entity(text, 0)[0] === '&' && text !== '&amp;' ? text : entity(text, 0)[0]);
  return { url: unescaped, end: end + 1 };
}

/** The text of inlines without marks. */
export function plainText(nodes: Inline[]): string {
  return nodes
    .map((node) => {
      if (typeof node === 'string') return node;
      if (node.type === 'code' || node.type === 'image') return node.text;
      if (node.type === 'break') return '\n';
      return node.type === 'cite' ? `[${node.n}]` : plainText(node.children);
    })
    .join('');
}

/** Resolves delimiter runs to emphasis; what does not pair stays text. */
function emphasise(items: Item[]): Inline[] {
  // The lowest place worth looking at for an opener, by kind of closer: keeps hostile text from costing squares.
  const floors = new Map<string, number>();
  for (let close = 0; close < items.length; close++) {
    const closer = items[close]!;
    if (typeof closer === 'string' || closer.type !== 'delimiter' || !closer.closes || !closer.count) continue;
    const kind = `${closer.mark}${closer.run % 3}${closer.opens}`;
    const floor = floors.get(kind) ?? 0;
    let open = close - 1;
    for (; open >= floor; open--) {
      const opener = items[open]!;
      if (typeof opener === 'string' || opener.type !== 'delimiter' || opener.mark !== closer.mark || !opener.opens || !opener.count) continue;
      const odd = (opener.closes || closer.opens) && (opener.run + closer.run) % 3 === 0 && (opener.run % 3 !== 0 || closer.run % 3 !== 0);
      if (closer.mark === '~' ? opener.count >= 2 && closer.count >= 2 : !odd) break;
    }
    if (open < floor) {
      floors.set(kind, close);
      continue;
    }
    const opener = items[open] as Delimiter;
    const width = closer.mark === '~' || (opener.count >= 2 && closer.count >= 2) ? 2 : 1;
    opener.count -= width;
    closer.count -= width;
    const type = closer.mark === '~' ? 's' : width === 2 ? 'strong' : 'em';
    items.splice(open + 1, close - open - 1, { type, children: settle(items.slice(open + 1, close)) });
    // What is left of the closer may close more; it now stands right after the new node.
    close = open + 1;
    // The items after moved down; floors above the opener no longer point at what they did.
    for (const [key, value] of floors) if (value > open) floors.set(key, open);
  }
  return settle(items);
}

function settle(items: Item[]): Inline[] {
  const out: Inline[] = [];
  for (const item of items) {
    let node: Inline;
    if (typeof item === 'string') node = item;
    else if (item.type === 'delimiter') node = item.mark.repeat(item.count);
    else if (item.type === 'bracket') node = item.image ? '![' : '[';
    else node = item;
    if (typeof node === 'string' && typeof out.at(-1) === 'string') out[out.length - 1] += node;
    else if (node !== '') out.push(node);
  }
  return out;
}
