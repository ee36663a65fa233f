// The card that shows a citation's sentence on hover or focus. One card for the whole panel; it can be hovered itself,
// goes away with Escape, and never takes the focus.

import { h } from './dom.ts';
import { titleOf, type Source } from './transcript.ts';

/** Long enough to cross the gap to the card with the mouse. */
const LEAVE_MS = 180;

/** Shows quotes beside citations. */
export type Preview = ReturnType<typeof openPreview>;

/** A card inside `panel`. */
export function openPreview(panel: HTMLElement) {
  let timer: ReturnType<typeof setTimeout>;
  const stay = (): void => clearTimeout(timer);
  const later = (): void => {
    stay();
    timer = setTimeout(hide, LEAVE_MS);
  };
  const card = h('div.preview', { role: 'tooltip', id: 'preview', part: 'preview', dir: 'auto', hidden: true, onmouseenter: stay, onmouseleave: later });
  panel.append(card);

  /** Hides the card. Says whether there was one to hide. */
  function hide(): boolean {
    stay();
    const shown = !card.hidden;
    card.hidden = true;
    panel.querySelector('[aria-describedby]')?.removeAttribute('aria-describedby');
    return shown;
  }

  return {
    hide,
    /** What gives a citation its card: listeners for `h`. */
    of(source: Source) {
      const show = ({ currentTarget }: Event): void => {
        if (!source.quote && !source.heading) return;
        const anchor = currentTarget as HTMLElement;
        hide();
        card.replaceChildren(h('b', titleOf(source)), h('span', source.quote || source.heading));
        card.hidden = false;
        anchor.setAttribute('aria-describedby', 'preview');
        const frame = panel.getBoundingClientRect();
        const at = anchor.getBoundingClientRect();
        const { width, height } = card.getBoundingClientRect();
        const top = at.top - frame.top;
        card.style.left = `${Math.max(Math.min(at.left - frame.left - 20, frame.width - width - 12), 12)}px`;
        card.style.top = `${top > height + 12 ? top - height - 8 : top + at.height + 8}px`;
      };
      return { onmouseenter: show, onfocus: show, onmouseleave: later, onblur: hide };
    },
  };
}
