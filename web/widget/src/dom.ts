// The few helpers that build nodes: elements with properties, icons drawn as SVG (an emoji is an empty box where no
// emoji font exists). No markup is parsed anywhere.

/** An element's attributes and listeners. */
export type Attributes = Record<string, string | boolean | number | null | undefined | ((event: never) => void)>;
/** What stands in an element; what is empty is left out. */
export type Child = Node | string | number | null | false | undefined;

/**
 * Makes an element. Attributes are its class or an object, in which functions become listeners, `true` an empty attribute,
 * `false`, `null` and '' nothing, the rest text.
 */
export const h = <K extends keyof HTMLElementTagNameMap>(name: K, attributes?: Attributes | string, ...children: Child[]): HTMLElementTagNameMap[K] =>
  furnish(document.createElement(name), attributes, ...children);

/** Gives an element its attributes and children, as `h` takes them. */
function furnish<E extends Element>(element: E, attributes: Attributes | string = '', ...children: Child[]): E {
  for (const [key, value] of Object.entries(typeof attributes === 'string' ? { class: attributes } : attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value as (event: Event) => void);
    else if (value || value === 0) element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...(children.filter(Boolean) as Node[]));
  return element;
}

const PATHS = {
  ask: 'M4 4h16v12h-9l-4 4v-4H4zM8 8h8M8 12h5',
  close: 'M6 6l12 12M18 6L6 18',
  fresh: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M8 8h8v8H8z',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  done: 'M5 12l5 5 9-10',
  retry: 'M19 12a7 7 0 1 1-2-4.9M19 4v4h-4',
  up: 'M7 20V10l4-7q3 0 2 3l-1 3h6q2 0 2 2l-2 7q0 2-2 2zH4V10h3',
  quote: 'M5 12h4v6H4v-5q0-5 4-7M15 12h4v6h-5v-5q0-5 4-7',
};

/** The name of an icon; `down` is `up` turned over. */
export type IconName = keyof typeof PATHS | 'down';

/** An icon, hidden from assistive technology: its button carries the name. */
export function icon(name: IconName): SVGElement {
  const draw = (tag: 'svg' | 'path', attributes: Attributes, ...children: Child[]): SVGElement =>
    furnish(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, ...children);
  const turned = name === 'down';
  return draw('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    draw('path', { d: PATHS[turned ? 'up' : name], transform: turned && 'rotate(180 12 12)' }));
}

/** A button that does something; its type keeps it from sending a form. */
export const button = (className: string, click: (event: MouseEvent) => void, ...children: Child[]): HTMLButtonElement =>
  h('button', { type: 'button', class: className, click }, ...children);

/** A button that shows an icon and is called by its label. */
export function iconButton(name: IconName, label: string, act: (event: MouseEvent) => void, className = 'tool'): HTMLButtonElement {
  const made = button(className, act);
  relabel(made, name, label);
  return made;
}

/** Swaps the icon and the label of a button made by `iconButton`. */
export function relabel(button: HTMLButtonElement, name: IconName, label: string): void {
  button.replaceChildren(icon(name));
  button.ariaLabel = button.title = label;
}

/** Questions to choose from. */
export const chips = (questions: string[], ask: (question: string) => void): HTMLElement =>
  h('ul', 'chips', ...questions.map((question) => h('li', { dir: 'auto' }, button('chip', () => ask(question), question))));
