// <DocentChat> for React 18 and 19: the custom element with its events as props. Renders the bare tag on a server; the
// element itself is loaded in the browser only.

import { createElement, useEffect, useRef } from 'react';

const EVENTS = { onOpen: 'docent-open', onClose: 'docent-close', onAsk: 'docent-ask', onAnswer: 'docent-answer', onNavigate: 'docent-navigate' };

/** Attributes go to the element as they are; `texts` and `examples` are set as properties. */
export function DocentChat({ texts, examples, ...props }) {
  const reference = useRef(null);
  const handlers = useRef(props);
  handlers.current = props;
  useEffect(() => {
    // A page that has imported it in its own language needs no other.
    if (!customElements.get('docent-chat')) import('@docent/widget');
    const element = reference.current;
    const controller = new AbortController();
    for (const [prop, name] of Object.entries(EVENTS)) {
      element.addEventListener(name, (event) => handlers.current[prop]?.(event), { signal: controller.signal });
    }
    return () => controller.abort();
  }, []);
  useEffect(() => {
    if (texts) customElements.whenDefined('docent-chat').then(() => reference.current && (reference.current.texts = texts));
  }, [texts]);
  useEffect(() => {
    if (examples) customElements.whenDefined('docent-chat').then(() => reference.current && (reference.current.examples = examples));
  }, [examples]);
  const attributes = Object.fromEntries(Object.entries(props).filter(([name]) => !(name in EVENTS)));
  return createElement('docent-chat', { ...attributes, ref: reference });
}
