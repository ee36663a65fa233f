// Cuts Markdown text into blocks: CommonMark with tables, no raw HTML, no link definitions, no lazy lines. Pure and
// total: any text gives blocks, nothing throws. Line numbers are kept, so that the renderer can freeze what is finished.

/** A block and the lines it covers: `from` inclusive, `to` exclusive, trailing blank lines not counted. */
export type Block = { from: number; to: number } & (
  | { type: 'paragraph'; text: string }
  | { type: 'heading'; level: number; text: string }
  | { type: 'code'; info: string; text: string; open: boolean }
  | { type: 'rule' }
  | { type: 'quote'; blocks: Block[] }
  | { type: 'list'; start: number | null; loose: boolean; items: Block[][] }
  | { type: 'table'; align: string[]; rows: string[][] }
);

/** Deeper nesting than this is shown as text: hostile input must not exhaust the stack. */
const DEPTH_LIMIT = 12;

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})\s*(.*?)\s*$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*))?$/;
const RULE = /^ {0,3}([-*_])\s*(?:\1\s*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
/** Its first group is what stands before the item's text, unless that is code. */
const ITEM = /^( {0,3}([-+*]|\d{1,9}[.)])(?: {1,4}(?! )| (?= )|\s*$))/;
const DELIMITERS = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

const isBlank = (line: string | undefined): boolean => line?.trim() === '';
const indent = (line: string): number => line.search(/[^ ]|$/);

/** Lines of a text. */
export const linesOf = (text: string): string[] => text.split(/\r\n?|\n/);

/** The blocks of some lines, in order. */
export function blocks(raw: string[], depth = 0): Block[] {
  // A tab in the margin is four columns; only fenced code keeps it, for a Makefile is nothing without.
  const lines = raw.map((line) => line.replace(/^\s*(?:[-+*>]\t\s*)?/, (margin) => margin.replace(/\t/g, '    ')));
  const out: Block[] = [];
  for (let at = 0; at < lines.length;) {
    if (isBlank(lines[at])) at++;
    else {
      const block = indentedCode(lines, at) ?? fence(lines, raw, at) ?? heading(lines[at]!, at) ??
        (depth < DEPTH_LIMIT ? quote(lines, at, depth) ?? list(lines, at, depth) : null) ??
        table(lines, at) ?? paragraph(lines, at, depth);
      out.push(block);
      at = block.to;
    }
  }
  return out;
}

function indentedCode(lines: string[], from: number): Block | null {
  let to = from;
  for (let at = from; at < lines.length && (isBlank(lines[at]) || indent(lines[at]!) > 3); at++) if (!isBlank(lines[at])) to = at + 1;
  return to > from ? { type: 'code', info: '', text: lines.slice(from, to).map((line) => line.slice(4) + '\n').join(''), open: false, from, to } : null;
}

function fence(lines: string[], raw: string[], from: number): Block | null {
  const [, mark, info] = FENCE.exec(lines[from]!) ?? [];
  if (!mark) return null;
  const close = new RegExp(`^ {0,3}${mark}${mark[0]}*\\s*$`);
  const end = lines.findIndex((line, at) => at > from && close.test(line));
  const open = end < 0;
  const body = raw.slice(from + 1, open ? lines.length : end);
  // The empty piece after the last line feed is not a line of code.
  if (open && body.at(-1) === '') body.pop();
  const margin = indent(lines[from]!);
  const text = body.map((line) => line.slice(Math.min(margin, indent(line))) + '\n').join('');
  return { type: 'code', info: info!, text, open, from, to: open ? lines.length : end + 1 };
}

/** A heading, or a rule. */
function heading(line: string, from: number): Block | null {
  const to = from + 1;
  const [, marks, text = ''] = HEADING.exec(line) ?? [];
  if (marks) return { type: 'heading', level: marks.length, text: text.replace(/(^|\s+)#+\s*$/, '').trim(), from, to };
  return RULE.test(line) ? { type: 'rule', from, to } : null;
}

function quote(lines: string[], from: number, depth: number): Block | null {
  let to = from;
  while (to < lines.length && QUOTE.test(lines[to]!)) to++;
  return to > from ? { type: 'quote', blocks: blocks(lines.slice(from, to).map((line) => line.replace(QUOTE, '')), depth + 1), from, to } : null;
}

/** A list item's beginning: its marker's last character, its number, and how far its text stands in. */
function marker(line: string): { kind: string; number: number | null; width: number; empty: boolean } | null {
  const [, margin, mark] = ITEM.exec(line) ?? [];
  if (!mark || RULE.test(line)) return null;
  const empty = margin === line;
  return { kind: mark.slice(-1), number: mark.length > 1 ? Number.parseInt(mark, 10) : null, width: empty ? margin!.trimEnd().length + 1 : margin!.length, empty };
}

function list(lines: string[], from: number, depth: number): Block | null {
  const first = marker(lines[from]!);
  if (!first) return null;
  const items: Block[][] = [];
  let loose = false;
  let at = from;
  let to = from;
  for (let mark: typeof first | null = first; mark?.kind === first.kind;) {
    const { width, empty } = mark;
    const start = at++;
    const inner = [lines[start]!.slice(width)];
    // An item that begins with a blank line ends at the second one.
    while (at < lines.length && (isBlank(lines[at]) ? !empty || inner.length > 1 : indent(lines[at]!) >= width)) inner.push(lines[at++]!.slice(width));
    const children = blocks(inner, depth + 1);
    items.push(children);
    loose ||= children.some((child, index) => index > 0 && child.from > children[index - 1]!.to);
    to = start + (children.at(-1)?.to ?? 1);
    while (isBlank(lines[at])) at++;
    mark = at < lines.length && indent(lines[at]!) < 4 ? marker(lines[at]!) : null;
    if (mark?.kind === first.kind && at > to) loose = true;
  }
  return { type: 'list', start: first.number, loose, items, from, to };
}

/** Cells of a table row. A pipe after a backslash is text, also inside code. */
const cells = (line: string): string[] =>
  line.trim().replace(/^\||(?<!\\)\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.replaceAll('\\|', '|').trim());

function table(lines: string[], from: number): Block | null {
  const titles = cells(lines[from]!);
  const delimiters = lines[from + 1] ?? '';
  if (!lines[from]!.includes('|') || !/[|:]/.test(delimiters) || !DELIMITERS.test(delimiters) || ITEM.test(delimiters)) return null;
  const align = cells(delimiters).map((cell) => ['', 'left', 'right', 'center'][Number(cell[0] === ':') + 2 * Number(cell.endsWith(':'))]!);
  if (titles.length !== align.length) return null;
  let to = from + 2;
  while (to < lines.length && !isBlank(lines[to]) && indent(lines[to]!) < 4 && !interrupts(lines, to, 0, false)) to++;
  const rows = lines.slice(from + 2, to).map((line) => {
    const row = cells(line);
    return align.map((_, column) => row[column] ?? '');
  });
  return { type: 'table', align, rows: [titles, ...rows], from, to };
}

/** Whether the line at `at` ends a paragraph above it. */
function interrupts(lines: string[], at: number, depth: number, tables = true): boolean {
  const line = lines[at]!;
  if (indent(line) > 3) return false;
  const mark = depth < DEPTH_LIMIT ? marker(line) : null;
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || (depth < DEPTH_LIMIT && QUOTE.test(line)) ||
    (mark !== null && !mark.empty && (mark.number ?? 1) === 1) || (tables && table(lines, at) !== null);
}

function paragraph(lines: string[], from: number, depth: number): Block {
  let to = from + 1;
  while (to < lines.length && !isBlank(lines[to]) && !interrupts(lines, to, depth)) to++;
  return { type: 'paragraph', text: lines.slice(from, to).map((line) => line.trimStart()).join('\n').trimEnd(), from, to };
}
