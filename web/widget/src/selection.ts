// Watches the reader's selection in the article and offers "Ask about this" beside it. Works for mouse, touch and
// keyboard, because it follows `selectionchange` and not the pointer; selections in fields and in the widget are ignored.

import { h, icon } from './dom.ts';

/** Shorter selections are clicks and slips. */
const SHORTEST = 10;
/** What the server accepts as context. */
export const LONGEST = 8000;
/** The button waits until the selection rests. */
const REST_MS = 250;

/** Options of `watchSelection`. */
export interface SelectionOptions {
  /** Where the button is put. */
  root: HTMLElement;
  /** Words on the button. */
  label: string;
  /** Which part of the page counts: a CSS selector, or null for the page's article. */
  article: string | null;
  take: (text: string) => void;
  signal: AbortSignal;
}

/** Starts watching until the signal aborts. */
export function watchSelection({ root, label, article, take, signal }: SelectionOptions): void {
  let timer: ReturnType<typeof setTimeout>;
  const button = h('button.picker filled', { part: 'selection-button', hidden: true,
    // Keeps the selection: a press must not move the focus first.
    onpointerdown: (event: Event) => event.preventDefault(),
    onclick: () => {
      const text = selectedText(article);
      button.hidden = true;
      if (text) take(text);
    } }, icon('askSelection'), label);
  root.append(button);

  const update = (): void => {
    // Tabbing onto the button must not take it away.
    button.hidden = !selectedText(article) && !button.matches(':focus');
    const range = selectedText(article) && getSelection()!.getRangeAt(0);
    if (!range) return;
    const { right, bottom } = [...range.getClientRects()].at(-1) ?? range.getBoundingClientRect();
    // Below the selection's end: above it a phone shows its own menu.
    button.style.left = `${Math.max(right - button.offsetWidth, 8) + scrollX}px`;
    button.style.top = `${Math.min(bottom, innerHeight - button.offsetHeight) + 8 + scrollY}px`;
  };
  document.addEventListener('selectionchange', () => {
    clearTimeout(timer);
    timer = setTimeout(update, REST_MS);
  }, { signal });
}

/** The selected text when it is long enough and lies in the article, else ''. */
export function selectedText(article: string | null): string {
  const selection = getSelection();
  const text = String(selection ?? '').trim();
  // What is selected in a field is no range of the page.
  if (text.length < SHORTEST || selection!.isCollapsed) return '';
  const node = selection!.getRangeAt(0).commonAncestorContainer;
  const element = node instanceof Element ? node : node.parentElement;
  if (!element || element.closest('[contenteditable], docent-chat')) return '';
  const selector = article || 'article, main, [role=main], #content, .content';
  // A page without any of these is all article.
  return !document.querySelector(selector) || element.closest(selector) || element.querySelector(selector) ? text : '';
}
