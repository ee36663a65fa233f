// Colours finished code with one generic tokenizer: strings, comments, numbers and the keywords that most languages
// share. Wrong guesses cost a colour, never text: the code's characters are kept exactly.

const KEYWORDS = /^(?:and|as|async|await|break|case|catch|class|const|continue|def|do|done|elif|else|enum|export|extends|[fF]alse|fi|finally|fn|for|from|func|function|if|impl|import|in|interface|let|loop|match|mod|mut|new|nil|None|not|null|or|package|pass|private|pub|public|raise|return|[sS]elf|static|struct|switch|then|this|throw|trait|[tT]rue|try|type|use|using|var|void|where|while|with|yield)$/;
const REST = String.raw`|("""[^]*?"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\`(?:\\.|[^\`\\])*\`)|(\b\d[\w.]*)|([A-Za-z_]\w*)`;

/** Comments by family of languages; the other three kinds are shared. */
const SLASHES = new RegExp(String.raw`(/\*[^]*?\*/|//[^\n]*)` + REST, 'g');
const HASHES = new RegExp(String.raw`((?<!\S)#[^\n]*)` + REST, 'g');
const DASHES = new RegExp(String.raw`(--[^\n]*)` + REST, 'g');

/** Longer code stays plain: colours are not worth a dropped frame. */
const LIMIT = 20_000;

/** Wraps the parts of `code` that have a colour in spans. Unknown and plain languages are left alone. */
export function highlight(code: HTMLElement, language: string): void {
  const text = code.textContent ?? '';
  if (!language || /^(te?xt|plain|console|output|md|markdown|diff|html|xml)$/i.test(language) || text.length > LIMIT) return;
  const parts = /^(py|rb|ruby|sh|bash|zsh|shell|ya?ml|toml|r$|perl|make|docker|ini|conf|env|nix|elixir|julia|cmake|ps)/i.test(language) ? HASHES
    : /^(sql|lua|haskell|hs|elm|ada)/i.test(language) ? DASHES : SLASHES;
  const nodes: (Node | string)[] = [];
  let last = 0;
  for (const match of text.matchAll(parts)) {
    const [whole, comment, string, number, word] = match;
    const kind = comment ? 'co' : string ? 'st' : number ? 'nu' : word && KEYWORDS.test(word) ? 'kw' : '';
    if (!kind) continue;
    const span = document.createElement('span');
    span.className = kind;
    span.textContent = whole;
    nodes.push(text.slice(last, match.index), span);
    last = match.index + whole.length;
  }
  nodes.push(text.slice(last));
  code.replaceChildren(...nodes);
}
