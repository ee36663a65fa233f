// The few helpers that build nodes: elements with properties, icons drawn as SVG (an emoji is an empty box where no
// emoji font exists). No markup is parsed anywhere.

import type { Strings } from './strings.ts';

type Tag = keyof HTMLElementTagNameMap;
/** An element's properties, its listeners (`onclick`) among them. */
export type Props<T extends Tag = Tag> = Partial<Omit<HTMLElementTagNameMap[T], 'part' | 'style'>> & { part?: string; style?: string };
/** What stands in an element; what is empty is left out. */
export type Child = Node | string | number | null | false | undefined;

/** Makes an element: `h('a.cite', { href }, 'words')`. After the tag and its class come properties and children. */
export function h<T extends Tag>(name: T | `${T}.${string}`, ...parts: (Props<T> | Child)[]): HTMLElementTagNameMap[T] {
  const [tag, className] = name.split('.') as [T, string?];
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const part of parts) {
    if (part?.constructor === Object) Object.assign(element, part);
    else if (part) element.append(part as Node);
  }
  return element;
}

const CROSS = 'M5 5l10 10M15 5L5 15';
/** Drawn on 20 by 20 pixels, which is what the stylesheet gives them. A button's icon has the name of its words. */
const PATHS = {
  ask: 'M3 3h14v10H9l-4 4v-4H3zM6 7h8M6 10h5',
  close: CROSS,
  leave: CROSS,
  fresh: 'M10 4v12M4 10h12',
  send: 'M10 16V4M5 9l5-5 5 5',
  stop: 'M6 6h8v8H6z',
  copy: 'M7 7h9v10H7zM12 7V3H3v10h4',
  copied: 'M4 10l4 4 8-8',
  retry: 'M16 10a6 6 0 1 1-2-4.4M16 3v4h-4',
  good: 'M6 17V9l3-6q3 0 2 3l-1 2h5q2 0 2 2l-1 5q0 2-2 2zH3V9h3',
  bad: 'M6 3v8l3 6q3 0 2-3l-1-2h5q2 0 2-2l-1-5q0-2-2-2zH3v8h3',
  askSelection: 'M4 10h4v5H4v-5q0-4 3-5M12 10h4v5h-4v-5q0-4 3-5',
};

/** The name of an icon. */
export type IconName = keyof typeof PATHS;

/** An icon, hidden from assistive technology: its button carries the name. */
export function icon(name: IconName): Element {
  const [svg, path] = ['svg', 'path'].map((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag) as Element);
  svg!.ariaHidden = 'true';
  path!.setAttribute('d', PATHS[name]);
  svg!.append(path!);
  return svg!;
}

/** A button that shows an icon and is called by the words of the same name. */
export const iconButton = (strings: Strings, name: IconName, onclick: Props['onclick'], kind = 'tool'): HTMLButtonElement =>
  relabel(h(`button.${kind}`, { onclick }), strings, name);

/** Swaps the icon and the words of a button made by `iconButton`. */
export function relabel(button: HTMLButtonElement, strings: Strings, name: IconName): HTMLButtonElement {
  button.replaceChildren(icon(name));
  button.ariaLabel = button.title = strings[name];
  return button;
}

/** Questions to choose from. */
export const chips = (questions: string[], ask: (question: string) => void): HTMLElement =>
  h('ul.chips', ...questions.map((question) => h('li', { dir: 'auto' }, h('button.chip', { onclick: () => ask(question) }, question))));
