// Pages that host the widget in the tests: a plain page with shortcuts and a strict CSP, one dressed like mdBook (with its
// rem of 10 px), one with a very light brand colour in the dark, one whose policy knows only a nonce.

const ARTICLE = `<h1 id="title">A plain page</h1>
<p id="first">A kill at any moment loses nothing that was already embedded. The index is written beside and renamed.</p>
<p id="second">Short.</p><p id="long"></p>
<button id="opener">Ask from here</button><input id="field" aria-label="Search">`;

const KEYS = `window.keys=[];for(const type of ['keydown','keyup','keypress'])document.addEventListener(type,(event)=>{window.keys.push(event.key)});`;

/** The strictest policy the widget must live with. */
export const STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src *; require-trusted-types-for 'script'; trusted-types 'none'";

/** Watches which words the button says and what moves. */
const WATCH = `window.watched={seen:[],shifted:0};new PerformanceObserver((list)=>{for(const entry of list.getEntries())watched.shifted+=entry.value}).observe({type:'layout-shift',buffered:true});
(function look(){const words=document.querySelector('docent-chat')?.shadowRoot?.querySelector('.launcher')?.textContent;if(words&&!watched.seen.includes(words))watched.seen.push(words);requestAnimationFrame(look)})()`;

const page = (body, { head = '', html = 'lang="en"' } = {}) =>
  `<!doctype html><html ${html}><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Host</title>${head}</head><body>${body}</body></html>`;

/** Host pages for the stand-in; `widget` is the URL of the script. */
export function hosts(widget = '/widget.js', attributes = '') {
  const tag = `<script src="${widget}" defer ${attributes}></script>`;
  const strict = { headers: { 'content-security-policy': STRICT } };
  return {
    '/plain': { body: page(`<main><article>${ARTICLE}</article></main>`, { head: `<script src="/keys.js"></script>${tag}` }), ...strict },
    '/ar': { body: page(`<main><article>${ARTICLE}</article></main>`, { html: 'lang="ar" dir="rtl"', head: `<script src="/watch.js"></script>${tag}` }), ...strict },
    // A script that carries Japanese, on a page in Japanese and on one in English.
    '/ja': { body: page(`<main><article>${ARTICLE}</article></main>`, { html: 'lang="ja"', head: `<script src="/watch.js"></script>${tag.replace('.js', '.js?lang=ja')}` }), ...strict },
    '/en-of-ja': { body: page(`<main><article>${ARTICLE}</article></main>`, { head: tag.replace('.js', '.js?lang=ja') }), ...strict },
    '/watch.js': { body: WATCH, type: 'text/javascript' },
    '/keys.js': { body: KEYS, type: 'text/javascript' },
    '/host.css': { body: 'body{margin:0;background:#1b1b1d;color:#eee}:root{--ifm-color-primary:#25c2a0;--ifm-background-surface-color:#242526}html{height:100%}', type: 'text/css' },
    '/dark': { body: page(`<main><article>${ARTICLE}</article></main>`, { html: 'lang="en" data-theme="dark"', head: `<link rel="stylesheet" href="/host.css">${tag}` }), ...strict },
    '/book.css': { body: 'html{font-size:62.5%}.navy{--bg:#161923;--fg:#bcbdd0}body{margin:0;background:var(--bg,#fff);color:var(--fg,#000)}', type: 'text/css' },
    '/mdbook': { body: page(`<div id="content" class="content"><main>${ARTICLE}</main></div>`, { html: 'lang="en" class="navy"', head: `<link rel="stylesheet" href="/book.css"><script src="/keys.js"></script>${tag}` }), ...strict },
    '/nonce': { body: page(`<main><article>${ARTICLE}</article></main>`, { head: `<script src="${widget}" defer nonce="r4nd0m"></script>` }),
      headers: { 'content-security-policy': "default-src 'none'; script-src 'nonce-r4nd0m'; style-src 'nonce-r4nd0m'; connect-src *" } },
    '/docs/installation': { body: page(`<main><article><h1>Installation</h1><div style="height:150vh"></div><h2 id="from-source">From source</h2><p>Docent needs nothing but a Rust toolchain.</p></article></main>`, { head: tag }) },
  };
}
