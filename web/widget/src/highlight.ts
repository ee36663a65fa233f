// Colours finished code with one generic tokenizer: strings, comments, numbers and the keywords that most languages
// share. Wrong guesses cost a colour, never text: the code's characters are kept exactly.

import { h } from './dom.ts';

const KEYWORDS = /^(?:and|as|async|await|break|case|catch|class|const|continue|def|do|done|elif|else|enum|export|false|fi|fn|for|from|function|if|import|in|let|match|mut|new|none|not|null|or|private|pub|public|raise|return|self|static|struct|then|this|throw|true|try|type|use|using|var|void|where|while|with|yield)$/i;
/** Comments of most languages (a `#` begins one only where it cannot be a directive, an attribute or a colour), strings, numbers, words. */
const PARTS = /(\/\*[^]*?\*\/|(?<!:)\/\/[^\n]*|(?<!\S)#(?=[ !A-Z])[^\n]*)|("""[^]*?"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\b\d[\w.]*)|[A-Za-z_]\w*/g;

const PLAIN = /^(te?xt|plain|console|output|md|markdown|diff|html|xml)$/i;

/** Longer code stays plain: colours are not worth a dropped frame. */
const LIMIT = 20_000;

/** Wraps the parts of `code` that have a colour in spans. Unknown and plain languages are left alone. */
export function highlight(code: HTMLElement, language: string): void {
  const text = code.textContent!;
  if (!language || PLAIN.test(language) || text.length > LIMIT) return;
  const nodes: (Node | string)[] = [];
  let last = 0;
  for (const { 0: whole, 1: comment, 2: literal, index } of text.matchAll(PARTS)) {
    const kind = comment ? 'co' : literal ? 'li' : KEYWORDS.test(whole) && 'kw';
    if (!kind) continue;
    nodes.push(text.slice(last, index), h(`span.${kind}`, whole));
    last = index + whole.length;
  }
  nodes.push(text.slice(last));
  code.replaceChildren(...nodes);
}
