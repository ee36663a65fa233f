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
  const card = h('div.preview', { role: 'tooltip', part: 'preview', dir: 'auto', hidden: true, onmouseenter: stay, onmouseleave: later });
  panel.append(card);

  /** Hides the card. Says whether there was one to hide. */
  function hide(): boolean {
    stay();
    const shown = !card.hidden;
    card.hidden = true;
    return shown;
  }

  return {
    hide,
    /** What gives a citation its card, for `h`; assistive technology reads the same words as its description. */
    of(source: Source) {
      const words = source.quote || source.heading;
      const show = ({ currentTarget }: Event): void => {
        stay();
        card.hidden = !words;
        card.replaceChildren(h('b', titleOf(source)), h('span', words));
        const at = (currentTarget as HTMLElement).getBoundingClientRect();
        const top = at.top - panel.getBoundingClientRect().top;
        const above = top - card.offsetHeight - 8;
        card.style.top = `${above > 4 ? above : top + at.height + 8}px`;
      };
      return { ariaDescription: words, onmouseenter: show, onfocus: show, onmouseleave: later, onblur: hide };
    },
  };
}
