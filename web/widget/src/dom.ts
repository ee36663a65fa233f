// The few helpers that build nodes: elements with properties, icons drawn as SVG (an emoji is an empty box where no
// emoji font exists). No markup is parsed anywhere.

type Attributes = Record<string, string | boolean | number | null | undefined | ((event: never) => void)>;

/** Makes an element. Functions become listeners, `true` an empty attribute, `false`/`null` nothing, the rest text. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K, attributes: Attributes = {}, ...children: (Node | string | null | false | undefined)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value as (event: Event) => void);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

const PATHS = {
  ask: 'M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5zM8.5 7.8h7M8.5 11.2h4.5',
  close: 'M6 6l12 12M18 6L6 18',
  fresh: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M8 8h8v8H8z',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  done: 'M5 12.5l4.5 4.5L19 7.5',
  retry: 'M19 12a7 7 0 1 1-2-4.9M19 4v4h-4',
  up: 'M7 20V10l4-7c1.5 0 2.4 1.2 2 2.6L12.2 9H18a2 2 0 0 1 2 2.4l-1.3 6.8A2.2 2.2 0 0 1 16.5 20zM7 20H4V10h3',
  down: 'M7 4v10l4 7c1.5 0 2.4-1.2 2-2.6L12.2 15H18a2 2 0 0 0 2-2.4l-1.3-6.8A2.2 2.2 0 0 0 16.5 4zM7 4H4v10h3',
  quote: 'M5 12h4v6H4v-5c0-4 1.5-6 4-7M15 12h4v6h-5v-5c0-4 1.5-6 4-7',
  page: 'M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5',
};

/** The name of an icon. */
export type IconName = keyof typeof PATHS;

/** An icon, hidden from assistive technology: its button carries the name. */
export function icon(name: IconName): SVGElement {
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows an icon and is called by its label. */
export function iconButton(name: IconName, label: string, act: (event: MouseEvent) => void, className = 'tool'): HTMLButtonElement {
  return h('button', { type: 'button', class: className, 'aria-label': label, title: label, click: act }, icon(name));
}

/** Swaps the icon and the label of a button made by `iconButton`. */
export function relabel(button: HTMLButtonElement, name: IconName, label: string): void {
  button.replaceChildren(icon(name));
  button.setAttribute('aria-label', label);
  button.title = label;
}
