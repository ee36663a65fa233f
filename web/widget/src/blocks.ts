// Cuts Markdown text into blocks: CommonMark with tables, no raw HTML, no link definitions, no lazy lines. Pure and
// total: any text gives blocks, nothing throws. Line numbers are kept, so that the renderer can freeze what is finished.

/** An element to be. It has children, or running text that is still to be read; a block without a tag is only its text. */
export interface Part {
  tag?: string;
  properties?: object | false | '';
  text?: string;
  children?: (Part | string)[];
  /** What a code block says after its fence. */
  info?: string;
}

/** A part and the lines it covers: `from` inclusive, `to` exclusive, trailing blank lines not counted. */
export interface Block extends Part {
  from: number;
  to: number;
  /** Of a fence at the margin: whether its end has not come yet. */
  open?: boolean;
}

/** Deeper nesting than this is shown as text: hostile input must not exhaust the stack. */
const DEPTH_LIMIT = 12;

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})\s*(.*?)\s*$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*))?$/;
const RULE = /^ {0,3}([-*_])\s*(?:\1\s*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
/** Its first group is what stands before the item's text, unless that is code. */
const ITEM = /^( {0,3}([-+*]|\d{1,9}[.)])(?: {1,4}(?! )| (?= )|\s*$))/;
const DELIMITERS = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
/** All that ends a paragraph above it, but a table: of lists only those that begin with 1 and a word. */
const INTERRUPTS = new RegExp([FENCE, HEADING, RULE, QUOTE].map((rule) => rule.source).join('|') + '|^ {0,3}([-+*]|1[.)])\\s+\\S');

const isBlank = (line: string | undefined): boolean => line?.trim() === '';
const indent = (line: string): number => line.search(/[^ ]|$/);

/** The first line from `at` on that is not one of those wanted. */
function after(lines: string[], at: number, wanted: (line: string, at: number) => boolean): number {
  while (at < lines.length && wanted(lines[at]!, at)) at++;
  return at;
}

/** The blocks of some lines, in order. */
export function blocks(raw: string[], depth = 0): Block[] {
  // A tab in the margin is four columns; only fenced code keeps it, for a Makefile is nothing without.
  const lines = raw.map((line) => line.replace(/^\s*(?:[-+*>]\t\s*)?/, (margin) => margin.replace(/\t/g, '    ')));
  const out: Block[] = [];
  for (let at = 0; (at = after(lines, at, isBlank)) < lines.length;) {
    const block = indentedCode(lines, at) ?? fence(lines, raw, at) ?? heading(lines[at]!, at) ??
      (depth < DEPTH_LIMIT ? quote(lines, at, depth) ?? list(lines, at, depth) : null) ??
      table(lines, at) ?? paragraph(lines, at);
    out.push(block);
    at = block.to;
  }
  return out;
}

/** A code block. */
function code(info: string, lines: string[]): Part {
  const language = /^[\w+#.-]*/.exec(info)![0];
  return { tag: 'pre', info: language, children: [{ tag: 'code', properties: language && { className: 'language-' + language }, children: [lines.map((line) => line + '\n').join('')] }] };
}

function indentedCode(lines: string[], from: number): Block | null {
  let to = after(lines, from, (line) => isBlank(line) || indent(line) > 3);
  while (to > from && isBlank(lines[to - 1])) to--;
  return to > from ? { ...code('', lines.slice(from, to).map((line) => line.slice(4))), from, to } : null;
}

function fence(lines: string[], raw: string[], from: number): Block | null {
  const [, mark, info] = FENCE.exec(lines[from]!) ?? [];
  if (!mark) return null;
  const close = new RegExp(`^ {0,3}${mark}${mark[0]}*\\s*$`);
  const end = after(lines, from + 1, (line) => !close.test(line));
  const body = raw.slice(from + 1, end);
  const endless = end === lines.length;
  // The empty piece after the last line feed is not a line of code.
  if (endless && body.at(-1) === '') body.pop();
  const margin = indent(lines[from]!);
  return { ...code(info!, body.map((line) => line.slice(Math.min(margin, indent(line))))), open: endless && !margin, from, to: end + 1 };
}

/** A heading, or a rule. */
function heading(line: string, from: number): Block | null {
  const to = from + 1;
  const [, marks, text = ''] = HEADING.exec(line) ?? [];
  if (marks) return { tag: 'h' + marks.length, text: text.replace(/(^|\s+)#+\s*$/, '').trim(), from, to };
  return RULE.test(line) ? { tag: 'hr', text: '', from, to } : null;
}

function quote(lines: string[], from: number, depth: number): Block | null {
  const to = after(lines, from, (line) => QUOTE.test(line));
  return to > from ? { tag: 'blockquote', children: blocks(lines.slice(from, to).map((line) => line.replace(QUOTE, '')), depth + 1), from, to } : null;
}

/** A list item's beginning: its marker's last character, its number, and how far its text stands in. */
function marker(line: string | undefined) {
  const [, margin, mark] = ITEM.exec(line!) ?? [];
  if (!mark || RULE.test(line!)) return null;
  const empty = margin === line;
  return { kind: mark.slice(-1), number: mark.slice(0, -1), width: empty ? margin!.trimEnd().length + 1 : margin!.length, empty };
}

function list(lines: string[], from: number, depth: number): Block | null {
  const first = marker(lines[from]);
  if (!first) return null;
  const items: Block[][] = [];
  let loose = false;
  let at = from;
  let to = from;
  for (let mark: typeof first | null = first; mark?.kind === first.kind; mark = marker(lines[at])) {
    const { width, empty } = mark;
    loose ||= at > to;
    // An item that begins with a blank line ends at the second one.
    const end = after(lines, at + 1, (line, next) => (isBlank(line) ? !empty || next > at + 1 : indent(line) >= width));
    const children = blocks(lines.slice(at, end).map((line) => line.slice(width)), depth + 1);
    items.push(children);
    loose ||= children.some((child, index) => index > 0 && child.from > children[index - 1]!.to);
    to = at + (children.at(-1)?.to ?? 1);
    at = after(lines, end, isBlank);
  }
  // Without blank lines between them items hold no paragraphs, only their text.
  const children = items.map((item) => ({ tag: 'li', children: item.map((child) => (loose || child.tag !== 'p' ? child : { text: child.text! })) }));
  const { number } = first;
  return { tag: number ? 'ol' : 'ul', properties: number && +number !== 1 && { start: +number }, children, from, to };
}

/** Cells of a table row. A pipe after a backslash is text, also inside code. */
const cells = (line: string): string[] =>
  line.trim().replace(/^\||(?<!\\)\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.replaceAll('\\|', '|').trim());

function table(lines: string[], from: number): Block | null {
  const titles = cells(lines[from]!);
  const delimiters = lines[from + 1] ?? '';
  if (!lines[from]!.includes('|') || !/[|:]/.test(delimiters) || !DELIMITERS.test(delimiters) || ITEM.test(delimiters)) return null;
  const align = cells(delimiters).map((cell) => /:$/.test(cell) ? 'text-align:' + (cell[0] === ':' ? 'center' : 'end') : '');
  if (titles.length !== align.length) return null;
  const to = after(lines, from + 2, (line) => !isBlank(line) && indent(line) < 4 && !INTERRUPTS.test(line));
  const row = (tag: string, row: string[]): Part => ({ tag: 'tr', children: align.map((style, column) => ({ tag, properties: { style }, text: row[column] ?? '' })) });
  const rows = lines.slice(from + 2, to).map((line) => row('td', cells(line)));
  const head = { tag: 'thead', children: [row('th', titles)] };
  return { tag: 'table', children: rows.length ? [head, { tag: 'tbody', children: rows }] : [head], from, to };
}

function paragraph(lines: string[], from: number): Block {
  const to = after(lines, from + 1, (line, at) => !isBlank(line) && !INTERRUPTS.test(line) && !table(lines, at));
  return { tag: 'p', text: lines.slice(from, to).map((line) => line.trimStart()).join('\n').trimEnd(), from, to };
}
