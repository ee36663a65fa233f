// Puts the widget beside the site's own root, and turns a followed citation into client-side navigation, so that the
// panel stays open and the quoted sentence is marked. Loaded in a chunk of its own.

import { showQuote, splitFragment } from './quote.js';
// Not a .js file: Docusaurus hands those to Babel, whose classes cannot extend HTMLElement.
import './widget.mjs';

/** On a wide screen the page makes room, so that the cited sentence can be read beside the answer. */
const ROOM = '@media (min-width:1400px){html[data-docent-open] body{padding-inline-end:444px}}';

/** Mounts the widget; the result is to be called when the site has drawn another page. */
export function mount(options) {
  let pending = null;
  const arrived = () => {
    if (!pending) return;
    const quote = pending;
    pending = null;
    // The router scrolls to the anchor in this frame; the sentence comes after it.
    requestAnimationFrame(() => requestAnimationFrame(() => showQuote(quote)));
  };

  const chat = document.createElement('docent-chat');
  const { server, book, label, hotkey, selection, theme, lang, locale, examples, texts, baseUrl } = options;
  const attributes = {
    server, book, label, hotkey, theme, lang, locale,
    selection: selection === false ? 'off' : selection === true ? undefined : selection,
    examples: examples && JSON.stringify(examples),
  };
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) chat.setAttribute(name, value);
  if (texts) chat.texts = texts;

  chat.addEventListener('docent-navigate', (event) => {
    const url = new URL(event.url);
    if (url.origin !== location.origin || !url.pathname.startsWith(baseUrl)) return;
    event.preventDefault();
    const { address, quote } = splitFragment(url);
    pending = quote;
    const same = address.pathname === location.pathname;
    // The router listens to popstate: this moves it without a reload and without a handle on its history object.
    history.pushState({}, '', address);
    dispatchEvent(new PopStateEvent('popstate', { state: {} }));
    if (same) arrived();
  });

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(ROOM);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const root = document.documentElement;
  chat.addEventListener('docent-open', () => root.setAttribute('data-docent-open', ''));
  chat.addEventListener('docent-close', () => root.removeAttribute('data-docent-open'));

  document.body.append(chat);
  return arrived;
}
