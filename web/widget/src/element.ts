// <docent-chat>: the custom element, its attributes and properties. What it shows is in `chat.ts`. No side effects on
// import and safe on a server; `define.ts` registers it.

import { dress } from './styles.ts';
import { openChat, type Chat } from './chat.ts';
import { openClient } from './client.ts';
import { openMemory } from './memory.ts';
import { names, ownLanguage, ownWords, TRANSLATED, wordsOf, type Strings } from './strings.ts';

/** The reader follows a citation. Cancel it to open `url` yourself, for example by client-side navigation. */
export interface DocentNavigateEvent extends Event {
  readonly url: string;
}

/** On a server there is no HTMLElement to extend. */
const Base = globalThis.HTMLElement ?? Object;

/**
 * A chat that answers from a book.
 *
 * @attr server - Docent's address. Empty: where the script came from, or this site.
 * @attr layout - `panel` (default): a button and a side sheet. `page`: fills its box, always open.
 * @attr book - The book's title, shown in the heading.
 * @attr label - Words on the button.
 * @attr lang - Language of the widget; default the page's.
 * @attr theme - `light`, `dark` or `auto` (default: what the page shows).
 * @attr hotkey - A letter pressed with Ctrl or Cmd (default `i`), or `none`.
 * @attr selection - `off` to leave the reader's selections alone; a CSS selector to name the article.
 * @attr examples - Up to five questions to begin with, as JSON or one a line.
 * @attr topics - What the book speaks of, as JSON or one a line; shown as questions when there are no examples.
 * @attr version - The book's version; default from the page.
 * @attr locale - The book's language; default from the page.
 * @attr open - Whether the panel is open.
 * @attr nonce - Given to the style element in browsers without constructable stylesheets.
 * @fires docent-open, docent-close - The panel opened or closed.
 * @fires docent-ask - A question was sent; `detail.mode` only, never its text.
 * @fires docent-answer - An answer ended; `detail.outcome`.
 * @fires docent-navigate - The reader follows a citation; cancelable.
 * @slot welcome - Shown below the first questions.
 * @csspart launcher, panel, header, question, answer, citation, source, preview, composer, selection-button
 * @cssprop --docent-accent, --docent-background, --docent-text, --docent-font, --docent-width, --docent-radius, --docent-z-index
 */
export class DocentChat extends Base {
  static readonly observedAttributes = 'open lang theme book label examples topics layout'.split(' ');
  /** Where this script was loaded from, when it was a plain script tag: the default server. */
  static scriptOrigin = '';

  #texts: Partial<Strings> = {};
  #alive?: AbortController;
  #chat: Chat | undefined;

  async connectedCallback(): Promise<void> {
    const { signal } = (this.#alive = new AbortController());
    const server = this.getAttribute('server') ?? DocentChat.scriptOrigin;
    const client = openClient(server);
    const texts = this.#texts;
    let language = this.getAttribute('lang') || document.documentElement.lang || navigator.language;
    const translated = TRANSLATED.exec(language)?.[1]?.toLowerCase();
    let words = {};
    if (translated !== ownLanguage) {
      // All that is shown waits for its words. A page that brings each needs no request.
      if (translated && Object.keys(texts).length < names.length) words = wordsOf(await client.words(translated));
      if (signal.aborted) return;
      // Our own words are called what they are, wherever they stand: screen readers and the direction go by that.
      if (!Object.keys({ ...words, ...texts }).length) language = ownLanguage;
    }
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    dress(shadow, this.nonce!);
    const memory = openMemory(new URL(server || '.', document.baseURI).href);
    this.#chat = openChat(this, { shadow, client, memory, language, strings: { ...wordsOf(ownWords), ...words, ...texts } as Strings, signal });
  }

  disconnectedCallback(): void {
    this.#alive!.abort();
    this.#chat = undefined;
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === 'lang' || name === 'layout') this.#renew();
    else this.#chat?.changed(name);
  }

  /** For rare changes the panel is built anew; the conversation comes back by its id. */
  #renew(): void {
    if (!this.#alive || !this.isConnected) return;
    this.disconnectedCallback();
    void this.connectedCallback();
  }

  /** Replaces single strings, for example `{ask: 'Ask the manual'}`. */
  set texts(texts: Partial<Strings>) {
    this.#texts = texts;
    this.#renew();
  }

  /** Questions to begin with. */
  set examples(questions: string[]) {
    this.setAttribute('examples', JSON.stringify(questions));
  }

  get open(): boolean {
    return this.getAttribute('layout') === 'page' || this.hasAttribute('open');
  }

  set open(open: boolean) {
    this.toggleAttribute('open', open);
  }

  /** Opens the panel and puts the cursor into the question. */
  show(): void {
    this.open = true;
    this.#chat?.show();
  }

  /** Closes the panel; the focus goes back to where it was. A running answer goes on. */
  close(): void {
    this.open = false;
  }

  /** Opens the panel to ask about a text. Later questions use only that text until the reader leaves it. */
  askAbout(text: string): void {
    this.#chat?.askAbout(text);
  }

  /** Begins a new conversation. */
  fresh(): void {
    this.#chat?.fresh();
  }

  /** Asks a question, as if the reader had typed it. Resolves when its answer has ended. */
  async ask(question: string): Promise<void> {
    await this.#chat?.ask(question);
  }
}
