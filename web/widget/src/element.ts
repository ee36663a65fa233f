// <docent-chat>: the launcher, the panel and the conversation in it. No side effects on import and safe on a server;
// `define.ts` registers it. Everything it listens to or fetches ends with the element through one AbortController.

import { Client, type Question } from './client.ts';
import { button, chips, h, icon, iconButton, relabel } from './dom.ts';
import { Memory } from './memory.ts';
import { Preview } from './preview.ts';
import { asContext, LONGEST, selectedText, watchSelection } from './selection.ts';
import { en, fill, isRightToLeft, TRANSLATED, wordsOf, type Strings } from './strings.ts';
import { css } from './styles.ts';
import { pageIsDark, watchTheme } from './theme.ts';
import { list, text } from './transcript.ts';
import { Turn, type TurnHost } from './turn.ts';

/** What the server accepts as a question. */
const QUESTION_LIMIT = 2000;
/** How near to its end the log must stand to keep following the answer. */
const STICK_PX = 40;
/** Long enough for a screen reader to take up a long answer. */
const ANNOUNCED_MS = 5000;
/** Turns kept in the page; older ones leave the log, not the conversation. */
const TURN_LIMIT = 40;

/** The reader follows a citation. Cancel it to open `url` yourself, for example by client-side navigation. */
export class DocentNavigateEvent extends Event {
  constructor(readonly url: string) {
    super('docent-navigate', { bubbles: true, composed: true, cancelable: true });
  }
}

/** On a server there is no HTMLElement to extend. */
const Base = (typeof HTMLElement === 'undefined' ? class {} : HTMLElement) as typeof HTMLElement;

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
export class DocentChat extends Base implements TurnHost {
  static readonly observedAttributes = ['open', 'lang', 'theme', 'book', 'label', 'examples', 'topics', 'layout'];
  /** Where this script was loaded from, when it was a plain script tag: the default server. */
  static scriptOrigin = '';

  strings: Strings = en;
  preview!: Preview;

  #override: Partial<Strings> = {};
  #alive: AbortController | null = null;
  #running: AbortController | null = null;
  #client!: Client;
  #memory!: Memory;
  #conversation: string | null = null;
  #context: string | null = null;
  #contextCut = false;
  #opener: Element | null = null;
  #turns: Turn[] = [];
  #restored = false;
  #examples: string[] | null = null;

  #root!: HTMLElement;
  #panel!: HTMLElement;
  #launcher!: HTMLButtonElement;
  #title!: HTMLElement;
  #log!: HTMLElement;
  #field!: HTMLTextAreaElement;
  #action!: HTMLButtonElement;
  #badge!: HTMLElement;
  #announcer!: HTMLElement;

  connectedCallback(): void {
    this.#alive = new AbortController();
    const { signal } = this.#alive;
    const server = this.getAttribute('server') ?? DocentChat.scriptOrigin;
    this.#client = new Client(server);
    this.#memory = new Memory(new URL(server || '.', document.baseURI).href);
    void this.#start(signal);
  }

  /** Everything that needs words waits for them. */
  async #start(signal: AbortSignal): Promise<void> {
    const language = this.#language();
    const translated = TRANSLATED.exec(language)?.[1]?.toLowerCase();
    // A page that brings every word, as the Docusaurus plugin does, needs no request for them.
    const wanted = Object.keys(this.#override).length < Object.keys(en).length;
    const words = translated && wanted ? wordsOf(await this.#client.words(translated)) : null;
    if (signal.aborted) return;
    this.strings = { ...en, ...words, ...this.#override };
    this.#build();
    this.#listen();
    watchTheme(() => this.#theme(), signal);
    if (!this.#isPage && this.getAttribute('selection') !== 'off') {
      watchSelection({
        root: this.#root, signal, label: () => this.strings.askSelection, article: () => this.getAttribute('selection') || null,
        take: (text) => this.askAbout(text),
      });
    }
    if (this.open) this.#shown();
    else if (this.#memory.open) this.open = true;
    this.#deepLink();
  }

  disconnectedCallback(): void {
    this.#alive?.abort();
    this.#running?.abort();
    this.#alive = this.#running = null;
    this.#turns = [];
    this.#restored = false;
    this.shadowRoot?.replaceChildren();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.#alive || !this.#root || before === now) return;
    if (name === 'open') {
      if (now === null) this.#hidden();
      else this.#shown();
    } else if (name === 'theme') this.#theme();
    else if (name === 'lang' || name === 'layout') {
      // These are rare changes: the panel is built anew, the conversation comes back by its id.
      this.disconnectedCallback();
      this.connectedCallback();
    } else this.#names();
  }

  /** Replaces single strings, for example `{ask: 'Ask the manual'}`. */
  set texts(override: Partial<Strings>) {
    this.#override = override;
    if (this.#alive) this.attributeChangedCallback('lang', null, '');
  }

  /** Questions to begin with. */
  set examples(questions: string[]) {
    this.#examples = questions;
    if (this.#alive && this.#root && !this.#turns.length) this.#welcome();
  }

  /** Puts the book's title, the button's words and the examples where they show. */
  #names(): void {
    const { strings } = this;
    const book = this.getAttribute('book');
    this.#title.textContent = book ? fill(strings.askBook, { book }) : strings.ask;
    this.#launcher.lastElementChild!.textContent = this.getAttribute('label') || strings.ask;
    if (!this.#turns.length) this.#welcome();
  }

  get open(): boolean {
    return this.#isPage || this.hasAttribute('open');
  }

  set open(open: boolean) {
    this.toggleAttribute('open', open);
  }

  /** Opens the panel and puts the cursor into the question. */
  show(): void {
    if (!this.#root) return void this.toggleAttribute('open', true);
    this.#opener ??= document.activeElement;
    this.open = true;
    this.#field.focus();
  }

  /** Closes the panel; the focus goes back to where it was. A running answer goes on. */
  close(): void {
    this.open = false;
  }

  /** Opens the panel to ask about a text. Later questions use only that text until the reader leaves it. */
  askAbout(text: string): void {
    const context = asContext(text);
    if (!context.text) return;
    this.#context = context.text;
    this.#contextCut = context.cut;
    this.#showBadge();
    this.show();
  }

  /** Begins a new conversation. */
  fresh(): void {
    this.#running?.abort();
    this.#memory.forget(true);
    this.#conversation = null;
    this.#turns = [];
    this.#leaveSelection();
    this.#welcome();
    this.#field.focus();
  }

  /** Asks a question, as if the reader had typed it. Resolves when its answer has ended. */
  async ask(question: string): Promise<void> {
    const message = [...question.trim()].slice(0, QUESTION_LIMIT).join('');
    if (!message || this.#running || !this.#alive || !this.#root) return;
    if (!this.#turns.length) this.#log.replaceChildren();
    this.#turns.at(-1)?.retire();
    await this.#run(this.#begin(message, this.#context));
  }

  /** Puts a new turn at the end of the log. */
  #begin(question: string, context?: string | null): Turn {
    const turn = new Turn(this, question, context ?? undefined);
    turn.root.addEventListener('grow', () => this.#stick());
    this.#turns.push(turn);
    this.#log.append(turn.root);
    if (this.#turns.length > TURN_LIMIT) this.#turns.shift()!.root.remove();
    return turn;
  }

  async retry(turn: Turn): Promise<void> {
    if (this.#running) return;
    turn.restart();
    this.#field.focus();
    await this.#run(turn);
  }

  async rate(turn: Turn, helpful: boolean, reason?: string, note?: string): Promise<boolean> {
    if (!turn.messageId || !this.#alive) return false;
    return this.#client.feedback({ message_id: turn.messageId, helpful, reason, note }, this.#alive.signal);
  }

  follow(event: MouseEvent, url: string): void {
    this.preview.hide();
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (!this.dispatchEvent(new DocentNavigateEvent(url))) {
      event.preventDefault();
    } else if (this.#isPage) {
      // The page is the chat itself: the book opens beside it.
      event.preventDefault();
      window.open(url, '_blank', 'noopener');
    }
    // On a phone the sheet covers the page that was just asked for.
    if (!this.#isPage && matchMedia('(max-width: 40rem)').matches) this.close();
  }

  get #isPage(): boolean {
    return this.getAttribute('layout') === 'page';
  }

  #language(): string {
    return this.getAttribute('lang') || document.documentElement.lang || navigator.language || 'en';
  }

  async #run(turn: Turn): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.#busy(true);
    for (const other of this.#turns) other.root.classList.toggle('newest', other === turn);
    this.#following = false;
    // The question goes to the top and its answer grows below it: nothing moves while one reads.
    this.#scrollTo(turn.root.offsetTop - this.#log.offsetTop - 16);
    const question: Question = {
      message: turn.question,
      mode: turn.context ? 'selection' : 'general',
      context: turn.context,
      conversation_id: this.#conversation ?? undefined,
      ...this.#place(),
    };
    this.#say('docent-ask', { mode: question.mode });
    let outcome = 'stopped';
    for await (const event of this.#client.ask(question, running.signal)) {
      if (running.signal.aborted) break;
      if (event.type === 'metadata' && event.conversation_id) {
        this.#conversation = event.conversation_id;
        this.#memory.remember(event.conversation_id);
      }
      turn.take(event);
      if (event.type === 'done' || event.type === 'error') outcome = event.outcome || event.code!;
      if (event.type !== 'token') this.#stick();
    }
    if (turn.state === 'asking') turn.finish('stopped');
    if (this.#running === running) {
      this.#running = null;
      this.#busy(false);
    }
    this.#stick();
    if (this.#alive && turn.root.isConnected) this.#announce(turn);
    this.#say('docent-answer', { outcome });
  }

  /** Where the reader is: sent with the question, so that the answer can prefer this version and language. */
  #place(): Pick<Question, 'page' | 'version' | 'locale'> {
    if (this.#isPage) return {};
    // An attribute of ours, else what Docusaurus writes for its search. What is undefined is not sent.
    const told = (name: string): string | undefined =>
      this.getAttribute(name) || document.querySelector<HTMLMetaElement>(`meta[name="docusaurus_${name}"],meta[name="docsearch:${name}"]`)?.content || undefined;
    const version = told('version');
    const locale = told('locale');
    return { page: location.origin + location.pathname, version, locale };
  }

  #say(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** The finished answer is announced once; the log itself is quiet while it grows. */
  #announce(turn: Turn): void {
    const answer = turn.root.querySelector('.prose')?.textContent || turn.root.querySelector('.notice')?.textContent || '';
    const announcer = this.#announcer;
    announcer.textContent = `${this.strings.answer}: ${answer}`;
    // Said once, it must not be read a second time by someone who walks through the panel.
    setTimeout(() => announcer.replaceChildren(), ANNOUNCED_MS);
  }

  /** Keeps the end of the answer in view, but only for a reader who has scrolled there. */
  #stick(): void {
    if (this.#following) this.#scrollTo(this.#log.scrollHeight);
  }

  #following = false;
  #scrolledTo = 0;

  #scrollTo(top: number): void {
    this.#log.scrollTop = top;
    this.#scrolledTo = this.#log.scrollTop;
  }

  /** Our own scrolling says nothing about what the reader wants. */
  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    if (Math.abs(scrollTop - this.#scrolledTo) > 2) this.#following = scrollHeight - scrollTop - clientHeight < STICK_PX;
    this.preview.hide();
  }

  #busy(busy: boolean): void {
    relabel(this.#action, busy ? 'stop' : 'send', busy ? this.strings.stop : this.strings.send);
    this.#log.setAttribute('aria-busy', String(busy));
    this.#ready();
  }

  /** The button is off while there is nothing to send, but keeps its place in the tab order. */
  #ready(): void {
    this.#action.setAttribute('aria-disabled', String(!this.#running && !this.#field.value.trim()));
  }

  #submit(): void {
    const question = this.#field.value;
    if (this.#running || !question.trim()) return;
    this.#field.value = '';
    this.#fit();
    void this.ask(question);
  }

  /** Grows the field with its text where `field-sizing` is unknown. */
  #fit(): void {
    // An empty field shows the placeholder, which reads in the widget's direction; a question in its own.
    this.#field.dir = this.#field.value ? 'auto' : '';
    if (!CSS.supports('field-sizing', 'content')) {
      this.#field.style.height = 'auto';
      this.#field.style.height = `${this.#field.scrollHeight}px`;
    }
    this.#ready();
  }

  #shown(): void {
    if (!this.#isPage) {
      this.#panel.hidden = false;
      this.#launcher.hidden = true;
      this.#launcher.setAttribute('aria-expanded', 'true');
      this.#memory.open = true;
    }
    if (!this.#restored) void this.#restore();
    this.#say('docent-open');
  }

  #hidden(): void {
    if (this.#isPage) return;
    this.preview.hide();
    const inside = this.shadowRoot!.activeElement !== null;
    this.#panel.hidden = true;
    this.#launcher.hidden = false;
    this.#launcher.setAttribute('aria-expanded', 'false');
    this.#memory.open = false;
    if (inside) {
      const opener = this.#opener;
      if (opener instanceof HTMLElement && opener.isConnected && opener !== this && opener !== document.body) opener.focus();
      else this.#launcher.focus();
    }
    this.#opener = null;
    this.#say('docent-close');
  }

  /** This tab's conversation comes back by itself; one of an earlier visit is offered. */
  async #restore(): Promise<void> {
    this.#restored = true;
    this.#welcome();
    const id = this.#memory.current();
    if (id) await this.#load(id);
  }

  async #load(id: string): Promise<void> {
    if (!this.#alive) return;
    const messages = await this.#client.conversation(id, this.#alive.signal);
    if (!this.#alive || this.#turns.length || this.#running) return;
    if (!messages?.length) return;
    this.#conversation = id;
    this.#memory.remember(id);
    this.#log.replaceChildren();
    messages.forEach((message, index) => {
      if (message.role !== 'user') return;
      const turn = this.#begin(message.content);
      const reply = messages[index + 1];
      const answered = reply && reply.role !== 'user';
      if (answered) {
        turn.take({ type: 'metadata', message_id: reply.id });
        turn.take({ type: 'sources', sources: reply.sources });
        turn.take({ type: 'token', content: reply.content });
      }
      turn.finish(!answered || reply.outcome === 'stopped' ? 'stopped' : 'answered');
    });
    this.#scrollTo(this.#log.scrollHeight);
  }

  /** `?ask=…` asks when the page is opened. The parameter is removed, so that a reload does not ask again. */
  #deepLink(): void {
    const url = new URL(location.href);
    const question = url.searchParams.get('ask');
    if (!question?.trim()) return;
    url.searchParams.delete('ask');
    history.replaceState(history.state, '', url);
    this.#restored = true;
    if (!this.#isPage) this.open = true;
    this.#welcome();
    void this.ask(question);
  }

  #theme(): void {
    const wanted = this.getAttribute('theme');
    this.#root.classList.toggle('dark', wanted === 'dark' || (wanted !== 'light' && pageIsDark()));
  }

  #showBadge(): void {
    const { strings } = this;
    this.#badge.hidden = !this.#context;
    if (!this.#context) return;
    this.#badge.replaceChildren(icon('quote'),
      h('div', {}, h('b', {}, strings.selected), h('span', { dir: 'auto' }, this.#context.slice(0, 200)),
        this.#contextCut && h('small', {}, fill(strings.shortened, { count: LONGEST }))),
      iconButton('close', strings.leave, () => {
        this.#leaveSelection();
        this.#field.focus();
      }));
  }

  #leaveSelection(): void {
    this.#context = null;
    this.#showBadge();
  }

  #welcome(): void {
    const { strings } = this;
    const last = this.#conversation || this.#memory.current() ? null : this.#memory.last();
    this.#log.replaceChildren(h('div', { class: 'welcome' }, h('h3', {}, strings.welcome),
      chips(this.#exampleQuestions(), (question) => {
        this.#field.focus();
        void this.ask(question);
      }),
      last && button('button plain', () => {
        void this.#load(last);
        this.#field.focus();
      }, strings.resume), h('slot', { name: 'welcome' })));
  }

  /** Up to five questions to begin with. */
  #exampleQuestions(): string[] {
    const { strings } = this;
    const examples = this.#examples ?? listOf(this.getAttribute('examples'));
    // What the book speaks of becomes a question in the reader's words; a heading that asks already is one.
    const topics = (): string[] => listOf(this.getAttribute('topics')).map((topic) => (/[?？؟]$/.test(topic) ? topic : fill(strings.about, { topic })));
    return [examples, topics(), strings.starters.split('|')].find((questions) => questions.length)!.slice(0, 5);
  }

  /** Listens to the page and to the keys. */
  #listen(): void {
    const { signal } = this.#alive!;
    const root = this.shadowRoot!;
    const hotkey = (this.getAttribute('hotkey') ?? 'i').toLowerCase();
    document.addEventListener('keydown', (event) => {
      if (this.#isPage || hotkey === 'none' || event.key.toLowerCase() !== hotkey) return;
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.repeat) return;
      event.preventDefault();
      const selection = this.getAttribute('selection');
      const selected = selection === 'off' ? '' : selectedText(selection);
      if (this.open && root.activeElement) this.close();
      else if (selected) this.askAbout(selected);
      else this.show();
    }, { signal });
    for (const type of ['keydown', 'keyup', 'keypress']) {
      root.addEventListener(type, (raw) => {
        const event = raw as KeyboardEvent;
        if (type === 'keydown' && event.key === 'Escape' && !event.isComposing) this.#escape(event);
        // A key typed here must not trigger the page's shortcuts: outside, its target looks like no text field.
        if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
      }, { signal });
    }
  }

  /** Escape undoes the smallest thing first: card, answer, selection, panel. */
  #escape(event: KeyboardEvent): void {
    event.preventDefault();
    if (this.preview.hide()) return;
    if (this.#running) this.#running.abort();
    else if (this.#context) this.#leaveSelection();
    else if (!this.#isPage) this.close();
  }

  #build(): void {
    const { strings } = this;
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    const language = this.#language();
    this.#adopt(root);
    this.#title = h('h2', { id: 'title' });
    this.#log = h('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-labelledby': 'title', tabindex: 0,
      scroll: () => this.#scrolled() });
    this.#field = h('textarea', { rows: 1, 'aria-label': strings.placeholder, placeholder: strings.placeholder, maxlength: QUESTION_LIMIT,
      enterkeyhint: 'send', input: () => this.#fit(), keydown: (event: KeyboardEvent) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        this.#submit();
      } });
    this.#action = iconButton('send', strings.send, () => (this.#running ? this.#running.abort() : this.#submit()), 'filled');
    this.#badge = h('div', { class: 'badge', hidden: true });
    this.#announcer = h('div', { class: 'unseen', role: 'status' });
    const form = h('form', { part: 'composer', submit: (event: Event) => (event.preventDefault(), this.#submit()) }, this.#field, this.#action);
    const header = h('header', { part: 'header' }, h('span', { class: 'mark filled' }, icon('ask')), this.#title, iconButton('fresh', strings.fresh, () => this.fresh()),
      !this.#isPage && iconButton('close', strings.close, () => this.close()));
    this.#panel = h('section', { class: 'panel', part: 'panel', 'aria-labelledby': 'title', role: this.#isPage ? 'region' : 'dialog', hidden: !this.#isPage },
      header, this.#log, h('footer', {}, this.#badge, form, h('p', { class: 'caution' }, strings.caution)), this.#announcer);
    this.#launcher = h('button', { class: 'launcher filled', part: 'launcher', 'aria-expanded': 'false', 'aria-haspopup': 'dialog',
      hidden: this.#isPage, click: () => this.show() }, icon('ask'), h('span'));
    this.#root = h('div', { class: this.#isPage ? 'root page' : 'root', lang: language, dir: isRightToLeft(language) ? 'rtl' : 'ltr' },
      this.#launcher, this.#panel);
    if (this.#isPage) this.#root.style.cssText = 'block-size:100%';
    this.preview = new Preview(this.#panel);
    root.append(this.#root);
    this.#names();
    this.#theme();
    this.#ready();
  }

  /** A constructable stylesheet passes a strict `style-src`; older browsers get a style element with the nonce. */
  #adopt(root: ShadowRoot): void {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
    } catch {
      const style = h('style', { nonce: this.nonce || null });
      style.textContent = css;
      root.append(style);
    }
  }
}

/** An attribute's list: JSON, or one a line. */
function listOf(value: string | null): string[] {
  let lines: unknown[] = value?.split('\n') ?? [];
  try {
    lines = JSON.parse(value!) ?? lines;
  } catch {
    // Not JSON: lines.
  }
  return list(lines).map((line) => text(line).trim()).filter(Boolean);
}
