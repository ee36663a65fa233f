// Builds nodes from Markdown while it streams. Nothing is ever parsed as HTML: elements come from `createElement`,
// text from text nodes, addresses pass `safeUrl`. Closed blocks are frozen; only the open tail is read again.

import { blocks, linesOf, type Block } from './blocks.ts';
import { inlines, type Inline } from './inlines.ts';

/** What the surroundings decide: the document that makes nodes, and what citations, links and code look like. */
export interface RenderOptions {
  document: Document;
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
export class MarkdownStream {
  readonly #root: Element;
  readonly #options: RenderOptions;
  #tail = '';
  #open: ChildNode[] = [];
  #openText: Text | null = null;

  constructor(root: Element, options: RenderOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** Adds text and brings the element up to date. */
  push(text: string): void {
    this.#tail += text;
    if (this.#growFence(text)) return;
    this.#draw(false);
  }

  /** The text is complete. */
  end(): void {
    this.#draw(true);
    this.#tail = '';
    this.#open = [];
    this.#openText = null;
  }

  /** While one fence is the whole tail, its text only grows: no parsing, no new nodes. */
  #growFence(text: string): boolean {
    const open = this.#openText;
    if (!open || /[`~\r\t]/.test(text) || this.#tail.endsWith('\n') || open.data.endsWith('\n')) return false;
    // The last line may still turn out to be the closing fence; it is only taken as code when it cannot be one.
    const last = this.#tail.slice(this.#tail.lastIndexOf('\n') + 1);
    if (/^ *[`~]*[ \t]*$/.test(last)) return false;
    open.appendData(text);
    return true;
  }

  #draw(finished: boolean): void {
    const lines = linesOf(this.#tail);
    const parsed = blocks(lines);
    // The last line has no line feed yet, so a block that starts there may still turn into part of the one before.
    let frozen = 0;
    while (frozen + 1 < parsed.length && parsed[frozen + 1]!.from < lines.length - 1) frozen++;
    if (finished) frozen = parsed.length;
    for (const node of this.#open) node.remove();
    this.#open = [];
    this.#openText = null;
    parsed.forEach((block, index) => {
      const node = this.#block(block, index < frozen);
      this.#root.append(node);
      if (index >= frozen) this.#open.push(node);
    });
    if (frozen && !finished) this.#tail = dropLines(this.#tail, parsed[frozen]!.from);
    const last = parsed.at(-1);
    if (!finished && parsed.length - frozen === 1 && last?.type === 'code' && last.open && last.from === 0 && lines.length > 1 && !/^ /.test(lines[0]!)) {
      const code = (this.#open[0] as Element).firstChild as Element;
      const node = code.firstChild as Text | null;
      // The parser closes the text with a line feed; a growing line has none yet.
      if (node && !this.#tail.endsWith('\n')) {
        node.data = node.data.replace(/\n$/, '');
        this.#openText = node;
      }
    }
  }

  #element<K extends keyof HTMLElementTagNameMap>(name: K, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
    const element = this.#options.document.createElement(name);
    element.append(...children);
    return element;
  }

  #block(block: Block, closed: boolean): HTMLElement {
    switch (block.type) {
      case 'paragraph':
        return this.#element('p', ...this.#inlines(block.text));
      case 'heading':
        return this.#element(`h${Math.min(6, block.level + (this.#options.headingShift ?? 0))}` as 'h1', ...this.#inlines(block.text));
      case 'rule':
        return this.#element('hr');
      case 'quote':
        return this.#element('blockquote', ...block.blocks.map((inner) => this.#block(inner, closed)));
      case 'code': {
        const code = this.#element('code', block.text);
        const pre = this.#element('pre', code);
        const language = /^[\w+#.-]*/.exec(block.info)![0];
        if (language) code.className = 'language-' + language;
        if (closed) this.#options.code?.(pre, code, language);
        return pre;
      }
      case 'list': {
        const list = this.#element(block.start === null ? 'ul' : 'ol');
        if (block.start !== null && block.start !== 1) list.setAttribute('start', String(block.start));
        for (const item of block.items) {
          const children = item.flatMap((inner): (Node | string)[] =>
            inner.type === 'paragraph' && !block.loose ? this.#inlines(inner.text) : [this.#block(inner, closed)]);
          list.append(this.#element('li', ...children));
        }
        return list;
      }
      case 'table': {
        const row = (cells: string[], name: 'th' | 'td'): HTMLElement =>
          this.#element('tr', ...cells.map((text, column) => {
            const cell = this.#element(name, ...this.#inlines(text));
            if (block.align[column]) cell.className = 'align-' + block.align[column];
            return cell;
          }));
        const table = this.#element('table', this.#element('thead', row(block.rows[0]!, 'th')));
        if (block.rows.length > 1) table.append(this.#element('tbody', ...block.rows.slice(1).map((cells) => row(cells, 'td'))));
        return table;
      }
    }
  }

  #inlines(text: string): (Node | string)[] {
    const nodes = inlines(text, this.#options.isCitation);
    // A citation stays on the line of the words that it supports.
    nodes.forEach((node, at) => {
      const before = nodes[at - 1];
      if (typeof node === 'object' && node.type === 'cite' && typeof before === 'string') nodes[at - 1] = before.replace(/ $/, '\u00a0');
    });
    return nodes.flatMap((node) => this.#inline(node));
  }

  #inline(node: Inline): (Node | string)[] {
    if (typeof node === 'string') return [node];
    const children = (inner: Inline[]): (Node | string)[] => inner.flatMap((child) => this.#inline(child));
    switch (node.type) {
      case 'code':
        return [this.#element('code', node.text)];
      case 'break':
        return [this.#element('br'), '\n'];
      case 'cite':
        return [this.#options.citation?.(node.n) ?? `[${node.n}]`];
      case 'image':
        return [node.text];
      case 'link': {
        const href = this.#options.link?.(node.url) ?? null;
        const label = children(node.children);
        // A link that may not be followed keeps its words, and its address as text when the words hide it.
        if (!href) return safeUrl(node.url) && !node.children.includes(node.url) ? [...label, ` (${node.url})`] : label;
        const anchor = this.#element('a', ...label);
        anchor.setAttribute('href', href);
        anchor.setAttribute('rel', 'noopener noreferrer nofollow');
        anchor.setAttribute('target', '_blank');
        return [anchor];
      }
      default:
        return [this.#element(node.type, ...children(node.children))];
    }
  }
}

/** Text without its first lines; a line may end in LF, CRLF or CR, as in `linesOf`. */
function dropLines(text: string, count: number): string {
  const end = /\r\n?|\n/g;
  for (let line = 0; line < count; line++) if (!end.exec(text)) return '';
  return text.slice(end.lastIndex);
}
