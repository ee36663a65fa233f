// Builds nodes from Markdown while it streams. Nothing is ever parsed as HTML: elements come from `createElement`,
// text from text nodes, addresses pass `safeUrl`. Closed blocks are frozen; only the open tail is read again.

import { blocks, linesOf, type Block } from './blocks.ts';
import { h } from './dom.ts';
import { inlines, type Inline } from './inlines.ts';

/** What the surroundings decide: what citations, links and code look like. */
export interface RenderOptions {
  /** Whether `[n]` is a citation; when it is not, the marker stays text. */
  isCitation?: (n: number) => boolean;
  /** The node for citation `n`. */
  citation?: (n: number) => Node;
  /** Added to each heading's level, so that an answer's headings stand below those around it. */
  headingShift?: number;
  /** The address a model's link may have, or `null` to show it as text. */
  link?: (url: string) => string | null;
  /** Called once for each finished code block, to add a copy button and colours. */
  code?: (pre: HTMLElement, code: HTMLElement, language: string) => void;
}

/** An absolute http(s) address, or `null`. `javascript:`, `data:`, `file:` and unreadable addresses are `null`. */
export function safeUrl(url: string, base?: string): string | null {
  try {
    const parsed = new URL(url, base);
    return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : null;
  } catch {
    return null;
  }
}

/**
 * Renders a growing text into an element.
 *
 * A block is frozen when the block after it starts on a complete line: nothing that comes later can change it, so
 * the result does not depend on where the text was cut. Cost of a push is that of the open tail.
 */
export function markdownStream(root: Element, options: RenderOptions) {
  let tail = '';
  let open: ChildNode[] = [];
  /** The last text drawn, when it can grow, and whether that is code. */
  let openText: Text | null = null;
  let inFence = false;

  /** While one fence is the whole tail, its text only grows: no parsing, no new nodes. */
  const growsFence = (text: string): boolean =>
    // The last line may still turn out to be the closing fence; it is only taken as code when it cannot be one.
    !/[`~\r\t]/.test(text) && !tail.endsWith('\n') && !openText!.data.endsWith('\n') && !/^ *[`~]*[ \t]*$/.test(tail.slice(tail.lastIndexOf('\n') + 1));

  const draw = (finished: boolean): void => {
    const lines = linesOf(tail);
    const parsed = blocks(lines);
    // The last line has no line feed yet, so a block that starts there may still turn into part of the one before. A
    // table starts with two lines.
    const settled = (block: Block | undefined): boolean => block !== undefined && block.from + Number(block.type === 'table') < lines.length - 1;
    let frozen = finished ? parsed.length : 0;
    while (settled(parsed[frozen + 1])) frozen++;
    for (const node of open) node.remove();
    open = [];
    openText = null;
    parsed.forEach((block, index) => {
      const node = blockNode(block, index < frozen, options);
      root.append(node);
      if (index >= frozen) open.push(node);
    });
    if (frozen && !finished) tail = dropLines(tail, parsed[frozen]!.from);
    const last = parsed.at(-1);
    if (finished || !last) return;
    let node: ChildNode | null = open.at(-1)!;
    while (node?.lastChild) node = node.lastChild;
    inFence = parsed.length - frozen === 1 && last.type === 'code' && last.open && !last.from && lines.length > 1 && lines[0]![0] !== ' ';
    if (!('data' in node!) || (inFence ? tail.endsWith('\n') : !isProse(last))) return;
    openText = node as Text;
    // The parser closes the text of code with a line feed; a growing line has none yet.
    if (inFence) openText.data = openText.data.replace(/\n$/, '');
  };

  return {
    /** Adds text and brings the element up to date. */
    push(text: string): void {
      const before = tail;
      tail += text;
      if (openText && (inFence ? growsFence(text) : WORDS.test(text) && WORDS.test(before.slice(-1)))) openText.appendData(text);
      else draw(false);
    },
    /** The text is complete. */
    end(): void {
      draw(true);
      tail = '';
      open = [];
      openText = null;
    },
  };
}

/** Whether a block ends in running text. */
function isProse(block: Block | undefined): boolean {
  if (block?.type === 'quote') return isProse(block.blocks.at(-1));
  if (block?.type === 'list') return isProse(block.items.at(-1)!.at(-1));
  return block?.type === 'paragraph' || block?.type === 'heading';
}

/** Words after words mean nothing but themselves: they only make the last text longer. */
const WORDS = /^[\p{L}\p{N} ,]*[\p{L}\p{N}]$/u;

type Children = (Node | string)[];

function blockNode(block: Block, closed: boolean, options: RenderOptions): HTMLElement {
  const text = (source: string): Children => inlineNodes(source, options);
  const inside = (inner: Block): HTMLElement => blockNode(inner, closed, options);
  switch (block.type) {
    case 'paragraph':
      return h('p', '', ...text(block.text));
    case 'heading':
      return h(`h${Math.min(6, block.level + (options.headingShift ?? 0))}` as 'h1', '', ...text(block.text));
    case 'rule':
      return h('hr');
    case 'quote':
      return h('blockquote', '', ...block.blocks.map(inside));
    case 'code': {
      const language = /^[\w+#.-]*/.exec(block.info)![0];
      const code = h('code', { class: language && 'language-' + language }, block.text);
      const pre = h('pre', '', code);
      if (closed) options.code?.(pre, code, language);
      return pre;
    }
    case 'list':
      return h(block.start === null ? 'ul' : 'ol', { start: block.start === 1 ? null : block.start }, ...block.items.map((item) =>
        h('li', '', ...item.flatMap((inner) => (inner.type === 'paragraph' && !block.loose ? text(inner.text) : inside(inner))))));
    case 'table': {
      const [head, ...body] = block.rows.map((cells, index) =>
        h('tr', '', ...cells.map((cell, column) => h(index ? 'td' : 'th', { class: block.align[column] && 'align-' + block.align[column] }, ...text(cell)))));
      return h('table', '', h('thead', '', head), body.length && h('tbody', '', ...body));
    }
  }
}

function inlineNodes(text: string, options: RenderOptions): Children {
  const nodes = inlines(text, options.isCitation);
  // A citation stays on the line of the words that it supports.
  nodes.forEach((node, at) => {
    const before = nodes[at - 1];
    if (typeof node === 'object' && node.type === 'cite' && typeof before === 'string') nodes[at - 1] = before.replace(/ $/, '\u00a0');
  });
  return nodes.flatMap((node) => inlineNode(node, options));
}

function inlineNode(node: Inline, options: RenderOptions): Children {
  if (typeof node === 'string') return [node];
  switch (node.type) {
    case 'code':
      return [h('code', '', node.text)];
    case 'break':
      return [h('br'), '\n'];
    case 'cite':
      return [options.citation!(node.n)];
  }
  const children = node.children.flatMap((child) => inlineNode(child, options));
  if (node.type !== 'link') return [h(node.type, '', ...children)];
  const href = options.link?.(node.url);
  if (href) return [h('a', { href, rel: 'noopener noreferrer nofollow', target: '_blank' }, ...children)];
  // A link that may not be followed keeps its words, and its address as text when the words hide it.
  return safeUrl(node.url) && !node.children.includes(node.url) ? [...children, ` (${node.url})`] : children;
}

/** Text without its first lines; a line may end in LF, CRLF or CR, as in `linesOf`. */
function dropLines(text: string, count: number): string {
  const end = /\r\n?|\n/g;
  for (let line = 0; line < count; line++) if (!end.exec(text)) return '';
  return text.slice(end.lastIndex);
}
