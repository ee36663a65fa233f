// Watches the reader's selection in the article and offers "Ask about this" beside it. Works for mouse, touch and
// keyboard, because it follows `selectionchange` and not the pointer; selections in fields and in the widget are ignored.

import { h, icon } from './dom.ts';

/** Shorter selections are clicks and slips. */
const SHORTEST = 10;
/** What the server accepts as context. */
export const LONGEST = 8000;
/** The button waits until the selection rests. */
const REST_MS = 250;

/** A selection as context: trimmed and cut to what the server accepts. */
export function asContext(text: string): { text: string; cut: boolean } {
  const characters = [...text.replace(/\r\n?/g, '\n').replace(/[ \t]+/g, ' ').replace(/\n{3,}/g, '\n\n').trim()];
  return { text: characters.slice(0, LONGEST).join(''), cut: characters.length > LONGEST };
}

/** Options of `watchSelection`. */
export interface SelectionOptions {
  /** Where the button is put. */
  root: HTMLElement;
  /** Words on the button. */
  label: () => string;
  /** Which part of the page counts: a CSS selector, or null for the page's article. */
  article: () => string | null;
  take: (text: string) => void;
  signal: AbortSignal;
}

/** Starts watching until the signal aborts. */
export function watchSelection(options: SelectionOptions): void {
  const { root, signal } = options;
  let timer: ReturnType<typeof setTimeout>;
  const words = h('span', {});
  const button = h('button', { class: 'picker filled', part: 'selection-button', hidden: true,
    // Keeps the selection: a press must not move the focus first.
    pointerdown: (event: Event) => event.preventDefault(),
    click: () => {
      const text = selectedText(options.article());
      button.hidden = true;
      if (text) options.take(text);
    } }, icon('quote'), words);
  root.append(button);

  const update = (): void => {
    const text = selectedText(options.article());
    if (!text) {
      // Tabbing onto the button must not take it away.
      button.hidden = !button.matches(':focus');
      return;
    }
    const range = getSelection()!.getRangeAt(0);
    const rect = [...range.getClientRects()].at(-1) ?? range.getBoundingClientRect();
    words.textContent = options.label();
    button.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = button;
    // Below the selection's end: above it a phone shows its own menu.
    const left = Math.min(Math.max(rect.right - width / 2, 8), document.documentElement.clientWidth - width - 8);
    const top = rect.bottom + 8 + height > innerHeight ? Math.max(rect.top - height - 8, 8) : rect.bottom + 8;
    button.style.left = `${left + scrollX}px`;
    button.style.top = `${top + scrollY}px`;
  };
  document.addEventListener('selectionchange', () => {
    clearTimeout(timer);
    timer = setTimeout(update, REST_MS);
  }, { signal });
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    button.remove();
  });
}

/** The selected text when it is long enough and lies in the article, else ''. */
export function selectedText(article: string | null): string {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return '';
  const text = selection.toString().trim();
  if (text.length < SHORTEST) return '';
  const node = selection.getRangeAt(0).commonAncestorContainer;
  const element = node instanceof Element ? node : node.parentElement;
  if (!element || element.closest('input, textarea, [contenteditable], docent-chat')) return '';
  const selector = article || 'article, main, [role=main], #content, .content';
  // A page without any of these is all article.
  return !document.querySelector(selector) || element.closest(selector) || element.querySelector(selector) ? text : '';
}
