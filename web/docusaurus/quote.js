// Finds a quoted sentence on the page and marks it, for client-side navigation: browsers follow a text fragment
// (`#:~:text=`) only when they load a page. Marks with the Highlight API, which changes no node that React owns.

/** Splits a citation's address into what the router needs and the quoted words, if any. */
export function splitFragment(url) {
  const address = new URL(url);
  const [anchor, directive] = address.hash.split(':~:');
  address.hash = anchor.replace(/^#$/, '');
  const text = /(?:^|&)text=([^&]*)/.exec(directive ?? '')?.[1];
  if (!text) return { address, quote: null };
  // prefix-,start,end,-suffix: the parts with a dash only say where.
  const all = text.split(',');
  const before = all[0].endsWith('-') ? decode(all[0].slice(0, -1)) : '';
  const parts = all.filter((part) => !part.endsWith('-') && !part.startsWith('-')).map(decode);
  return { address, quote: parts.length ? { before, start: parts[0], end: parts[1] ?? null } : null };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Text of an element with runs of white space as one space, and for each character where it stands. */
function flatten(root) {
  const places = [];
  let text = '';
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let at = 0; at < node.data.length; at++) {
      const char = /[\s\u200b]/.test(node.data[at]) ? ' ' : node.data[at];
      if (char === ' ' && text.endsWith(' ')) continue;
      text += char;
      places.push([node, at]);
    }
    // Two blocks have no space between them in the text nodes, but have one in what was quoted.
    if (!text.endsWith(' ')) {
      text += ' ';
      places.push([node, node.data.length - 1]);
    }
  }
  return { text: lower(text), places };
}

/** Lower case that keeps every place: letters that would become two stay as they are. */
const lower = (text) => text.replace(/[^]/g, (char) => (char.toLowerCase().length === 1 ? char.toLowerCase() : char));

/** The range of a quote in an element, or null. White space, case and markup do not matter. */
export function findQuote(root, { before = '', start, end }) {
  const { text, places } = flatten(root);
  // Inline markup makes a space where the quote has none: compare without spaces.
  const packed = [];
  let letters = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] === ' ') continue;
    letters += text[at];
    packed.push(at);
  }
  const pack = (value) => lower(value).replace(/[\s\u200b]+/g, '');
  const told = letters.indexOf(pack(before) + pack(start));
  if (told < 0 || !pack(start)) return null;
  const from = told + pack(before).length;
  let to = from + pack(start).length;
  if (end) {
    const at = letters.indexOf(pack(end), to);
    if (at >= 0) to = at + pack(end).length;
  }
  const range = document.createRange();
  const [first, firstAt] = places[packed[from]];
  const [last, lastAt] = places[packed[to - 1]];
  range.setStart(first, firstAt);
  range.setEnd(last, lastAt + 1);
  return range;
}

let sheet;

/** Scrolls to a quote and marks it until the reader clicks. Says whether it was found. */
export function showQuote(quote) {
  const root = document.querySelector('article') ?? document.querySelector('main') ?? document.body;
  const range = findQuote(root, quote);
  if (!range) return false;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  range.startContainer.parentElement?.scrollIntoView({ block: 'center', behavior: still ? 'auto' : 'smooth' });
  if (globalThis.Highlight && CSS.highlights) {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync('::highlight(docent){background-color:#ffe58a;color:#1c1e21}');
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    }
    CSS.highlights.set('docent', new Highlight(range));
    document.addEventListener('pointerdown', () => CSS.highlights.delete('docent'), { once: true });
  }
  return true;
}
