// The Markdown renderer against markdown-it on real documentation, against itself over random cuts, and against the
// allow-list on hostile text.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import MarkdownIt from 'markdown-it';
import { document, elements, html } from './dom.mjs';
import { load } from './modules.mjs';

const { markdownStream, safeUrl } = await load('render');
globalThis.document = document;

/** A repeatable source of chance (mulberry32). */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function render(chunks, options = {}) {
  const root = document.createElement('div');
  const stream = markdownStream(root, { link: (url) => url, ...options });
  for (const chunk of chunks) stream.push(chunk);
  stream.end();
  return root;
}

const ours = (text, options) => html(render([text], options));

const markdownIt = new MarkdownIt({ html: false, linkify: false, typographer: false });
markdownIt.disable('reference');
markdownIt.validateLink = () => true;
markdownIt.normalizeLink = (url) => url;
markdownIt.renderer.rules.image = (tokens, index, options, env, self) => markdownIt.utils.escapeHtml(self.renderInlineAsText(tokens[index].children, options, env));

/** One spelling for both: no line feeds between tags, our attribute order and names. */
function canonical(text) {
  return text
    .replace(/ title="[^"]*"/g, '')
    .replace(/ rel="[^"]*"| target="[^"]*"/g, '')
    // Ours follows the direction of the text.
    .replace(/ style="text-align:left"/g, '').replace(/text-align:right/g, 'text-align:end')
    .replace(/(<code)( class="language-)([\w+#.-]*)[^"]*"/g, '$1$2$3"').replace(/<code class="language-">/g, '<code>')
    .split(/\s*(<pre>[^]*?<\/pre>)\s*/)
    .map((part, index) => (index % 2 ? part : part
      .replace(/<br>\n/g, '<br>')
      .replace(/\s*(<\/?(?:p|h\d|ul|ol|li|blockquote|hr|table|thead|tbody|tr|th|td)\b[^>]*>)\s*/g, '$1')))
    .join('').trim();
}

/** Sections of every Markdown file below a folder: what stands between two headings, code fences kept whole. */
function sectionsBelow(folder) {
  const sections = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.mdx?$/.test(entry.name)) continue;
    const path = `${entry.parentPath}/${entry.name}`;
    const text = readFileSync(path, 'utf8').replace(/^---\n[^]*?\n---\n/, '');
    let section = '';
    let fenced = false;
    for (const line of text.split('\n')) {
      if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
      if (!fenced && /^#{1,6} /.test(line)) {
        if (section.trim()) sections.push({ path, text: section });
        section = '';
      }
      section += line + '\n';
    }
    if (section.trim()) sections.push({ path, text: section });
  }
  return sections;
}

const repo = (path) => fileURLToPath(new URL('../../../' + path, import.meta.url));
// DOCENT_SECTIONS adds folders of other books, separated by colons.
const folders = [repo('docs'), repo('protocol'), repo('web/node_modules/markdown-it'), repo('web/node_modules/axe-core/doc'), repo('web/node_modules/typescript'),
  ...(process.env.DOCENT_SECTIONS ?? '').split(':').filter(Boolean)];
const sections = folders.flatMap((folder) => {
  try {
    return sectionsBelow(folder);
  } catch {
    return [];
  }
});

test('real sections render as markdown-it renders them', (t) => {
  const different = sections.filter(({ text }) => canonical(ours(text)) !== canonical(markdownIt.render(text)));
  for (const { path, text } of different.slice(0, Number(process.env.DOCENT_SHOW ?? 3))) {
    const [a, b] = [canonical(ours(text)), canonical(markdownIt.render(text))];
    let at = 0;
    while (a[at] === b[at]) at++;
    t.diagnostic(`${path}: ours …${a.slice(Math.max(0, at - 60), at + 80)}… markdown-it …${b.slice(Math.max(0, at - 60), at + 80)}…`);
  }
  const share = 1 - different.length / sections.length;
  t.diagnostic(`${sections.length - different.length} of ${sections.length} sections equal (${(share * 100).toFixed(2)} %)`);
  assert.ok(sections.length >= 100, 'too few sections to mean anything');
  assert.ok(share >= 0.98);
});

test('where the text is cut does not matter', () => {
  const random = chance(7);
  for (const { path, text } of sections) {
    const whole = ours(text);
    for (const most of [1, 3, 40]) {
      const chunks = [];
      for (let at = 0; at < text.length;) {
        const length = 1 + Math.floor(random() * most);
        chunks.push(text.slice(at, at + length));
        at += length;
      }
      if (most === 1 && text.length > 1500) continue;
      assert.equal(html(render(chunks)), whole, `${path}: chunks of up to ${most}`);
    }
  }
});

const ALLOWED = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'blockquote', 'pre', 'code', 'ul', 'ol', 'li', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'em', 'strong', 's', 'br', 'a']);
const ATTRIBUTES = new Set(['href', 'rel', 'target', 'class', 'start', 'style']);
const PIECES = ['<script>', '</script>', '<img src=x onerror=alert(1)>', '[x](javascript:alert(1))', '[x](JaVaScRiPt:alert`1`)', '[a](data:text/html,x)', '[a](//evil.example)', '![i](https://evil.example/p.png)', '<https://e.example>', '<javascript:alert(1)>', '&#x6a;avascript:', '&lt;', '`', '```', '~~~', '*', '**', '_', '__', '~~', '[', ']', '(', ')', '![', '<', '>', '\\', '\n', '\n\n', '    ', '\t', '- ', '1. ', '> ', '# ', '|', '---', '===', '1', ' b', 'x y', ', z', '| a |\n|---|\n', '| a |\n|:-:|\n', ' ', 'a', 'é', '日', '\u0000', '\ufeff', '\r', '\r\n', '[1]', '"', "'", 'style=', ']('];

test('nothing outside the allow-list comes out of hostile text, however it is cut', () => {
  const random = chance(42);
  for (let round = 0; round < 4000; round++) {
    const pieces = Array.from({ length: 1 + Math.floor(random() * 30) }, () => PIECES[Math.floor(random() * PIECES.length)]);
    const options = { link: (url) => safeUrl(url) };
    const root = render(pieces, options);
    for (const element of elements(root)) {
      assert.ok(ALLOWED.has(element.name), element.name);
      for (const [key, value] of Object.entries(element.attributes)) {
        assert.ok(ATTRIBUTES.has(key), key);
        if (key === 'href') assert.match(value, /^https?:\/\//);
        if (key === 'style') assert.match(value, /^text-align:(center|end)$/);
      }
    }
    assert.equal(html(root), ours(pieces.join(''), options), JSON.stringify(pieces));
  }
});

test('hostile repetitions stay cheap', () => {
  for (const piece of ['*a', '_a*', '[', '![', '](', '`', '``a', '> ', '- ', '>- ', '~~', '*_', '[a](', '<a', '&', '|a', '1. ', '\\', '**a_', '[a](b']) {
    const text = piece.repeat(4000);
    const start = process.cpuUsage();
    ours(text);
    const { user } = process.cpuUsage(start);
    assert.ok(user < 4e6, `${piece}: ${user} µs of CPU`);
  }
});

const CASES = [
  ['identifiers keep their underscores', 'Use `a_b` and ros2_control_node or (A*, Dijkstra).', '<p>Use <code>a_b</code> and ros2_control_node or (A*, Dijkstra).</p>'],
  ['raw HTML is text', '<b>x</b>', '<p>&lt;b&gt;x&lt;/b&gt;</p>'],
  ['an image leaves its description', '![A chart](https://x.example/i.png)', '<p>A chart</p>'],
  ['a closing bracket of a refused link does not stay behind', '[x](javascript:alert(1))', '<p>x</p>', { link: safeUrl }],
  ['a refused link keeps its address as text', '[x](https://e.example/)', '<p>x (https://e.example/)</p>', { link: () => null }],
  ['parentheses in an address are balanced', '[x](https://e.example/a_(b))', '<p><a href="https://e.example/a_(b)" rel="noreferrer" target="_blank">x</a></p>'],
  ['an unknown number stays text', 'a [7] b', '<p>a [7] b</p>', { citation: (n) => (n === 1 ? document.createElement('a') : undefined) }],
  ['headings can be shifted below their surroundings', '# A', '<h3>A</h3>', { headingShift: 2 }],
  ['a list may start at any number', '3. a\n4. b', '<ol start="3"><li>a</li><li>b</li></ol>'],
  ['fenced code keeps its tabs', '```make\nall:\n\tcargo build\n```', '<pre><code class="language-make">all:\n\tcargo build\n</code></pre>'],
  ['an ordered list nests under wide markers', '1. a\n   1. b\n      1. c', '<ol><li>a<ol><li>b<ol><li>c</li></ol></li></ol></li></ol>'],
];
for (const [name, text, expected, options] of CASES) test(name, () => assert.equal(ours(text, options), expected));

test('a citation becomes what the surroundings make of it', () => {
  const cite = (n) => Object.assign(document.createElement('a'), { attributes: { n: String(n) } });
  assert.equal(ours('x [1][2][3].', { citation: (n) => (n < 3 ? cite(n) : undefined) }), '<p>x\u00a0<a n="1"></a><a n="2"></a>[3].</p>');
});
