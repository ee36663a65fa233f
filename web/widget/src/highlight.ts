// Colours finished code with one generic tokenizer: strings, comments, numbers and the keywords that most languages
// share. Wrong guesses cost a colour, never text: the code's characters are kept exactly.

import { h } from './dom.ts';

const KEYWORDS = /^(?:and|as|async|await|break|case|catch|class|const|continue|def|do|done|elif|else|enum|export|extends|false|fi|finally|fn|for|from|func|function|if|impl|import|in|interface|let|loop|match|mod|mut|new|nil|none|not|null|or|package|pass|private|pub|public|raise|return|self|static|struct|switch|then|this|throw|trait|true|try|type|use|using|var|void|where|while|with|yield)$/i;
/** After the comment: strings, numbers, words. */
const REST = /("""[^]*?"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|(\b\d[\w.]*)|[A-Za-z_]\w*/.source;

/** Comments of most languages: a `#` begins one only where it cannot be a directive, an attribute or a colour. */
const COMMENT = /\/\*[^]*?\*\/|(?<!:)\/\/[^\n]*|(?<!\S)#(?=[ !A-Z])[^\n]*/;
/** Elsewhere two dashes stand before an option. */
const DASHES = /--[^\n]*/;
const DASHED = /^(sql|lua|haskell|hs|elm|ada)/i;
const PLAIN = /^(te?xt|plain|console|output|md|markdown|diff|html|xml)$/i;

/** Longer code stays plain: colours are not worth a dropped frame. */
const LIMIT = 20_000;

/** Wraps the parts of `code` that have a colour in spans. Unknown and plain languages are left alone. */
export function highlight(code: HTMLElement, language: string): void {
  const text = code.textContent!;
  if (!language || PLAIN.test(language) || text.length > LIMIT) return;
  const parts = new RegExp(`(${(DASHED.test(language) ? DASHES : COMMENT).source})|${REST}`, 'g');
  const nodes: (Node | string)[] = [];
  let last = 0;
  for (const { 0: whole, 1: comment, 2: string, 3: number, index } of text.matchAll(parts)) {
    const kind = comment ? 'co' : string ? 'st' : number ? 'nu' : KEYWORDS.test(whole) && 'kw';
    if (!kind) continue;
    nodes.push(text.slice(last, index), h(`span.${kind}`, whole));
    last = index + whole.length;
  }
  nodes.push(text.slice(last));
  code.replaceChildren(...nodes);
}
