// Builds nodes from Markdown while it streams. Nothing is ever parsed as HTML: elements come from `createElement`,
// text from text nodes, addresses pass `safeUrl`. Closed blocks are frozen; only the open tail is read again.

import { blocks, type Block, type Part } from './blocks.ts';
import { h } from './dom.ts';
import { inlines, type InlineOptions, type Pieces } from './inlines.ts';

export { safeUrl } from './inlines.ts';

/** What the surroundings decide: what citations, links and code look like. */
export interface RenderOptions extends InlineOptions {
  /** Added to each heading's level, so that an answer's headings stand below those around it. */
  headingShift?: number;
  /** Called once for each finished code block, to add colours and a copy button; what it returns stands in the text. */
  code?: (pre: HTMLElement, language: string) => HTMLElement;
}

/** Words after words mean nothing but themselves: they only make the last text longer. */
const WORDS = /^[\p{L}\p{N}][\p{L}\p{N} ,]*(?<! |,)$/u;
/** So does what comes in a line of code that has begun: it cannot become the closing fence. */
const CODE = /^[^\s`~][^`~\r\t]*$/;

/**
 * Renders a growing text into an element.
 *
 * A block is frozen when the block after it starts on a complete line: nothing that comes later can change it, so
 * the result does not depend on where the text was cut. Cost of a push is that of the open tail.
 */
export function markdownStream(root: Element, options: RenderOptions) {
  let tail = '';
  /** How many of the root's children are frozen. */
  let frozen = 0;
  /** The last text drawn, and what it may grow by, with the character before. */
  let last: ChildNode | null | undefined;
  let grows: RegExp | false | undefined;

  const draw = (finished: boolean): void => {
    const lines = tail.split('\n');
    const parsed = blocks(lines);
    // The last line has no line feed yet, so a block that starts there may still turn into part of the one before. A
    // table starts with two lines.
    const settled = ({ from, tag }: Block): boolean => from + Number(tag === 'table') < lines.length - 1;
    const closed = finished ? parsed.length : Math.max(0, parsed.findLastIndex(settled));
    for (const node of [...root.childNodes].slice(frozen)) node.remove();
    parsed.forEach((block, index) => root.append(...nodes(block, index < closed, options)));
    frozen += closed;
    tail = lines.slice(parsed[closed]?.from).join('\n');
    const open = parsed.at(-1);
    for (let node: ChildNode | null = root as unknown as ChildNode; node; node = node.lastChild) last = node;
    grows = open && 'data' in last! && (open.open ? settled(open) && CODE : isProse(open) && WORDS);
    // The parser closes the text of code with a line feed; a growing line has none yet.
    if (open?.open && grows) (last as Text).data = (last as Text).data.replace(/\n$/, '');
  };

  const add = (text: string): string => (tail = (tail + text).replace(/\r\n|\r(?=[^])/g, '\n'));

  return {
    /** Adds text and brings the element up to date. */
    push(text: string): void {
      const growing = grows && grows.test(tail.slice(-1) + text);
      add(text);
      if (growing) (last as Text).appendData(text);
      else draw(false);
    },
    /** The text is complete. */
    end(): void {
      add('\n');
      draw(true);
    },
  };
}

/** Whether a block ends in running text. The last cell of a table may be one too many. */
const isProse = (part: Part | string | undefined): boolean =>
  typeof part === 'object' && part.tag !== 'table' && (part.children ? isProse(part.children.at(-1)) : part.text !== undefined);

/** A block's nodes; `closed` says that it is finished. */
function nodes(part: Part | string, closed: boolean, options: RenderOptions): Pieces {
  if (typeof part === 'string') return [part];
  const { tag, properties, text, children, info } = part;
  const inside = children?.flatMap((child) => nodes(child, closed, options)) ?? inlines(text!, options);
  if (!tag) return inside;
  const node = h(tag.replace(/\d/, (level) => `${Math.min(6, +level + (options.headingShift ?? 0))}`) as 'pre', properties, ...inside);
  return [(closed && info !== undefined && options.code?.(node, info)) || node];
}
