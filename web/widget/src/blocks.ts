// Cuts Markdown text into blocks: CommonMark with tables, no raw HTML and no link definitions. Pure and total: any
// text gives blocks, nothing throws. `blocks` keeps line numbers, so that the renderer can freeze what is finished.

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

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*?)[ \t]*$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}>/;
const ITEM = /^( {0,3})([-+*]|\d{1,9}[.)])(?=[ \t]|$)/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const DELIMITERS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

const isBlank = (line: string | undefined): boolean => line !== undefined && /^[ \t]*$/.test(line);
const indent = (line: string): number => /^ */.exec(line)![0].length;
const unindented = (line: string): string => line.replace(/^[ \t]+/, '');

/** Lines of a text with tabs in the margin widened to four columns. */
export function linesOf(text: string): string[] {
  return text.split(/\r\n?|\n/).map((line) => (/^ *\t/.test(line) ? widen(line) : line));
}

function widen(line: string): string {
  let column = 0;
  let at = 0;
  for (; line[at] === ' ' || line[at] === '\t'; at++) column += line[at] === '\t' ? 4 - (column % 4) : 1;
  return ' '.repeat(column) + line.slice(at);
}

/** The blocks of some lines, in order. */
export function blocks(lines: string[], depth = 0): Block[] {
  const out: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (isBlank(line)) {
      at++;
      continue;
    }
    const block =
      indentedCode(lines, at) ?? fence(lines, at) ?? heading(line, at) ??
      (RULE.test(line) ? ({ type: 'rule', from: at, to: at + 1 } as Block) : null) ??
      (depth < DEPTH_LIMIT ? quote(lines, at, depth) ?? list(lines, at, depth) : null) ??
      table(lines, at) ?? paragraph(lines, at, depth);
    out.push(block);
    at = block.to;
  }
  return out;
}

function indentedCode(lines: string[], from: number): Block | null {
  if (indent(lines[from]!) < 4) return null;
  let to = from + 1;
  for (let at = to; at < lines.length && (isBlank(lines[at]) || indent(lines[at]!) >= 4); at++) {
    if (!isBlank(lines[at])) to = at + 1;
  }
  const text = lines.slice(from, to).map((line) => line.slice(4)).join('\n');
  return { type: 'code', info: '', text: text + '\n', open: false, from, to };
}

function fence(lines: string[], from: number): Block | null {
  const match = FENCE.exec(lines[from]!);
  if (!match) return null;
  const mark = match[1]!;
  const margin = indent(lines[from]!);
  const body: string[] = [];
  let at = from + 1;
  let open = true;
  for (; at < lines.length; at++) {
    const line = lines[at]!;
    const close = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line)?.[1];
    if (close && close[0] === mark[0] && close.length >= mark.length) {
      open = false;
      at++;
      break;
    }
    body.push(line.slice(Math.min(margin, indent(line))));
  }
  // The empty piece after the last line feed is not a line of code.
  if (open && body.at(-1) === '') body.pop();
  return { type: 'code', info: match[2]!, text: body.length ? body.join('\n') + '\n' : '', open, from, to: at };
}

function heading(line: string, from: number): Block | null {
  const match = HEADING.exec(line);
  if (!match) return null;
  const text = (match[2] ?? '').replace(/(?:^|[ \t]+)#+[ \t]*$/, '').trim();
  return { type: 'heading', level: match[1]!.length, text, from, to: from + 1 };
}

function quote(lines: string[], from: number, depth: number): Block | null {
  if (!QUOTE.test(lines[from]!)) return null;
  const inner: string[] = [];
  let at = from;
  for (; at < lines.length; at++) {
    const line = lines[at]!;
    if (QUOTE.test(line)) {
      const rest = unindented(line).slice(1);
      inner.push(widenAfter(rest.startsWith(' ') ? rest.slice(1) : rest));
    } else if (isBlank(line) || !continues(inner, line, depth)) break;
    else inner.push(LAZY + unindented(line));
  }
  const children = blocks(inner, depth + 1);
  return { type: 'quote', blocks: children, from, to: at };
}

const widenAfter = (line: string): string => (/^ *\t/.test(line) ? widen(line) : line);

/**
 * Marks a lazy continuation line inside a container: it belongs to the open paragraph whatever it looks like, so a
 * `===` there is text and not an underline. A zero-width no-break space cannot be confused with Markdown and is removed.
 */
const LAZY = '\uFEFF';

/** Whether a line without the container's marker still belongs to the paragraph that is open inside the container. */
function continues(inner: string[], line: string, depth: number): boolean {
  if (!inner.length || isBlank(inner.at(-1)) || interrupts([line], 0, depth)) return false;
  let last = blocks(inner, depth + 1).at(-1);
  while (last && (last.type === 'quote' || last.type === 'list')) {
    last = last.type === 'quote' ? last.blocks.at(-1) : last.items.at(-1)?.at(-1);
  }
  return last?.type === 'paragraph';
}

interface Marker {
  kind: string;
  number: number | null;
  /** Column where the item's text begins. */
  offset: number;
  empty: boolean;
}

function marker(line: string): Marker | null {
  const match = ITEM.exec(line);
  if (!match || RULE.test(line)) return null;
  const mark = match[2]!;
  const width = match[1]!.length + mark.length;
  const rest = widenFrom(line, width);
  const spaces = indent(rest);
  const empty = isBlank(rest);
  const kind = mark.slice(-1);
  return {
    kind,
    number: mark.length > 1 || /\d/.test(mark) ? Number.parseInt(mark, 10) : null,
    offset: width + (empty || spaces > 4 ? 1 : spaces),
    empty,
  };
}

/** The text after a list marker with its tabs widened as if it stood at its column. */
function widenFrom(line: string, width: number): string {
  const rest = line.slice(width);
  return rest.includes('\t') ? widen(' '.repeat(width) + rest).slice(width) : rest;
}

function list(lines: string[], from: number, depth: number): Block | null {
  const first = marker(lines[from]!);
  if (!first) return null;
  const items: Block[][] = [];
  let loose = false;
  let at = from;
  let to = from;
  for (let mark: Marker | null = first; mark && mark.kind === first.kind && (mark.number === null) === (first.number === null);) {
    const width = mark.offset;
    const line = lines[at]!;
    const inner = [mark.empty ? '' : (' '.repeat(ITEM.exec(line)![0].length) + widenFrom(line, ITEM.exec(line)![0].length)).slice(width)];
    const start = at++;
    while (at < lines.length) {
      const next = lines[at]!;
      if (isBlank(next)) {
        // An item that begins with a blank line ends at the second one.
        if (inner.length === 1 && mark.empty) break;
        inner.push('');
      } else if (indent(next) >= width) inner.push(next.slice(width));
      else if (!marker(next) && continues(inner, next, depth)) inner.push(LAZY + unindented(next));
      else break;
      at++;
    }
    const children = blocks(inner, depth + 1);
    const end = children.at(-1)?.to ?? 1;
    for (let child = 1; child < children.length; child++) if (children[child]!.from > children[child - 1]!.to) loose = true;
    items.push(children);
    to = start + end;
    while (isBlank(lines[at])) at++;
    mark = at < lines.length && indent(lines[at]!) < 4 ? marker(lines[at]!) : null;
    if (mark && mark.kind === first.kind && at > to) loose = true;
  }
  return { type: 'list', start: first.number, loose, items, from, to: Math.max(to, from + 1) };
}

/** Cells of a table row. A pipe after a backslash is text, also inside code. */
export function cells(line: string): string[] {
  const row = line.trim().replace(/^\|/, '').replace(/(^|[^\\])\|$/, '$1');
  const out: string[] = [];
  let cell = '';
  for (let at = 0; at < row.length; at++) {
    if (row[at] === '\\' && row[at + 1] === '|') cell += row[++at];
    else if (row[at] === '|') {
      out.push(cell.trim());
      cell = '';
    } else cell += row[at];
  }
  out.push(cell.trim());
  return out;
}

function table(lines: string[], from: number): Block | null {
  const head = lines[from]!;
  const delimiters = lines[from + 1];
  if (delimiters === undefined || !head.includes('|') || !DELIMITERS.test(delimiters)) return null;
  if (!/[|:]/.test(delimiters) || ITEM.test(delimiters) || indent(delimiters) > 3) return null;
  const titles = cells(head);
  const align = cells(delimiters).map((cell) =>
    /^:-*:$/.test(cell) ? 'center' : cell.endsWith(':') ? 'right' : cell.startsWith(':') ? 'left' : '');
  if (titles.length !== align.length) return null;
  const rows = [titles];
  let to = from + 2;
  for (; to < lines.length && !isBlank(lines[to]) && indent(lines[to]!) < 4 && !interrupts(lines, to, 0, false); to++) {
    const row = cells(lines[to]!).slice(0, align.length);
    while (row.length < align.length) row.push('');
    rows.push(row);
  }
  return { type: 'table', align, rows, from, to };
}

/** Whether the line at `at` ends a paragraph above it. */
function interrupts(lines: string[], at: number, depth: number, tables = true): boolean {
  const line = lines[at]!;
  if (line.startsWith(LAZY) || indent(line) > 3) return false;
  if (FENCE.test(line) || HEADING.test(line) || RULE.test(line)) return true;
  if (depth < DEPTH_LIMIT) {
    if (QUOTE.test(line)) return true;
    const mark = marker(line);
    if (mark && !mark.empty && (mark.number === null || mark.number === 1)) return true;
  }
  return tables && table(lines, at) !== null;
}

function paragraph(lines: string[], from: number, depth: number): Block {
  const text: string[] = [];
  let at = from;
  for (; at < lines.length && !isBlank(lines[at]); at++) {
    const line = lines[at]!;
    if (at > from) {
      const underline = line.startsWith(LAZY) ? null : UNDERLINE.exec(line);
      if (underline) {
        const level = underline[1]![0] === '=' ? 1 : 2;
        return { type: 'heading', level, text: text.join('\n').trim(), from, to: at + 1 };
      }
      if (interrupts(lines, at, depth)) break;
    }
    text.push(unindented(line.startsWith(LAZY) ? line.slice(1) : line));
  }
  return { type: 'paragraph', text: text.join('\n').trimEnd(), from, to: at };
}
