// The card that shows a citation's sentence on hover or focus. One card for the whole panel; it can be hovered itself,
// goes away with Escape, and never takes the focus.

import { h } from './dom.ts';
import { titleOf } from './turn.ts';
import type { Source } from './transcript.ts';

/** Long enough to cross the gap to the card with the mouse. */
const LEAVE_MS = 180;

/** Shows quotes beside citations inside `panel`. */
export class Preview {
  readonly #panel: HTMLElement;
  readonly #card = h('div', { class: 'preview', role: 'tooltip', id: 'preview', part: 'preview', dir: 'auto', hidden: true });
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(panel: HTMLElement) {
    this.#panel = panel;
    panel.append(this.#card);
    this.#card.addEventListener('mouseenter', () => clearTimeout(this.#timer));
    this.#card.addEventListener('mouseleave', () => this.#later());
  }

  /** Gives a citation its card. */
  bind(anchor: HTMLElement, source: Source): void {
    if (!source.quote && !source.heading) return;
    const show = (): void => this.#show(anchor, source);
    anchor.addEventListener('mouseenter', show);
    anchor.addEventListener('focus', show);
    anchor.addEventListener('mouseleave', () => this.#later());
    anchor.addEventListener('blur', () => this.hide());
  }

  /** Hides the card. Says whether there was one to hide. */
  hide(): boolean {
    clearTimeout(this.#timer);
    const shown = !this.#card.hidden;
    this.#card.hidden = true;
    this.#panel.querySelector('[aria-describedby=preview]')?.removeAttribute('aria-describedby');
    return shown;
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.hide(), LEAVE_MS);
  }

  #show(anchor: HTMLElement, source: Source): void {
    this.hide();
    this.#card.replaceChildren(h('b', {}, titleOf(source)), h('span', {}, source.quote || source.heading || ''));
    this.#card.hidden = false;
    anchor.setAttribute('aria-describedby', 'preview');
    const frame = this.#panel.getBoundingClientRect();
    const at = anchor.getBoundingClientRect();
    const card = this.#card.getBoundingClientRect();
    const above = at.top - frame.top > card.height + 12;
    const left = Math.min(Math.max(at.left - frame.left - 20, 12), frame.width - card.width - 12);
    this.#card.style.left = `${Math.max(left, 12)}px`;
    this.#card.style.top = `${above ? at.top - frame.top - card.height - 8 : at.bottom - frame.top + 8}px`;
  }
}
