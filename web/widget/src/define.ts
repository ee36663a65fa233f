// Registers <docent-chat> and adds its types to the page's. Importing this on a server does nothing.

import { DocentChat } from './element.ts';

declare global {
  interface HTMLElementTagNameMap {
    'docent-chat': DocentChat;
  }
}

if (typeof customElements !== 'undefined' && !customElements.get('docent-chat')) customElements.define('docent-chat', DocentChat);

export { DocentChat };
export type { DocentNavigateEvent } from './element.ts';
