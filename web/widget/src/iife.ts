// The one-tag build: a plain `<script src=".../widget.js" defer>` registers the element and, unless the page already
// has a <docent-chat>, adds one. `data-` attributes of the tag become the element's attributes.

import { DocentChat } from './element.ts';

const tag = document.currentScript as HTMLScriptElement | null;
if (tag?.src) DocentChat.scriptOrigin = new URL('.', tag.src).href;
if (!customElements.get('docent-chat')) customElements.define('docent-chat', DocentChat);

function mount(): void {
  if (!tag || 'manual' in tag.dataset || document.querySelector('docent-chat')) return;
  const chat = document.createElement('docent-chat');
  for (const [name, value] of Object.entries(tag.dataset)) chat.setAttribute(name, value!);
  chat.nonce = tag.nonce;
  document.body.append(chat);
}

if (document.readyState === 'loading') addEventListener('DOMContentLoaded', mount);
else mount();
