// What <docent-chat> shows from its connection with a page until it leaves: the launcher, the panel and the conversation
// in it. Everything it listens to or fetches ends with the signal it was given.

import type { Client, Question } from './client.ts';
import { chips, h, icon, iconButton, relabel } from './dom.ts';
import type { DocentChat } from './element.ts';
import type { Memory } from './memory.ts';
import { openPreview } from './preview.ts';
import { LONGEST, selectedText, watchSelection } from './selection.ts';
import { fill, isRightToLeft, type Strings } from './strings.ts';
import { pageIsDark, watchTheme } from './theme.ts';
import { list, short, text } from './transcript.ts';
import { openTurn, type Turn } from './turn.ts';

/** What the server accepts as a question. */
const QUESTION_LIMIT = 2000;
/** How near to its end the log must stand to keep following the answer. */
const STICK_PX = 40;
/** Long enough for a screen reader to take up a long answer. */
const ANNOUNCED_MS = 5000;
/** Turns kept in the page; older ones leave the log, not the conversation. */
const TURN_LIMIT = 40;

/** What a chat is made of. */
export interface Parts {
  shadow: ShadowRoot;
  client: Client;
  memory: Memory;
  language: string;
  strings: Strings;
  signal: AbortSignal;
}

/** What its element may ask of a chat. */
export type Chat = ReturnType<typeof openChat>;

export function openChat(host: DocentChat, { shadow, client, memory, language, strings, signal }: Parts) {
  const attribute = (name: string): string | null => host.getAttribute(name);
  const isPage = attribute('layout') === 'page';
  const selection = attribute('selection');
  let running: AbortController | null = null;
  let conversation: string | undefined;
  let context: string | undefined;
  let opener: HTMLElement | null = null;
  let turns: Turn[] = [];
  let restored = false;
  let following = false;
  let scrolledTo = 0;

  const title = h('h2');
  const log = h('div.log', { role: 'log', ariaLive: 'off', tabIndex: 0, onscroll: scrolled });
  const field = h('textarea', { rows: 1, ariaLabel: strings.placeholder, placeholder: strings.placeholder, maxLength: QUESTION_LIMIT, enterKeyHint: 'send', oninput: fit,
    onkeydown: (event: KeyboardEvent) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
    } });
  const action = iconButton(strings, 'send', (event) => (running ? running.abort() : submit(event)), 'filled');
  const badge = h('div.badge', { hidden: true });
  const announcer = h('div.unseen', { role: 'status' });
  const panel = h('section.panel', { part: 'panel', role: isPage ? 'region' : 'dialog', hidden: !isPage },
    h('header', { part: 'header' }, h('span.mark filled', icon('ask')), title, iconButton(strings, 'fresh', fresh), !isPage && iconButton(strings, 'close', close)),
    log, h('footer', badge, h('form', { part: 'composer', onsubmit: submit }, field, action), h('small', strings.caution)), announcer);
  const words = h('span');
  const launcher = h('button.launcher filled', { part: 'launcher', onclick: show }, icon('ask'), words);
  const root = h(isPage ? 'div.root page' : 'div.root', { lang: language, dir: isRightToLeft(language) ? 'rtl' : 'ltr' }, !isPage && launcher, panel);
  const preview = openPreview(panel);
  // The page is the chat itself: the book opens beside it.
  const target = isPage ? '_blank' : '';
  const turnHost = { strings, preview, target, retry, ask, follow, grown: stick, rate: (verdict: Parameters<Client['feedback']>[0]) => client.feedback(verdict, signal) };
  shadow.append(root);
  signal.addEventListener('abort', () => {
    running?.abort();
    shadow.replaceChildren();
  });

  /** Tells the page; the event has the details as properties too. Says whether it did not cancel. */
  function say(name: string, detail?: object): boolean {
    return host.dispatchEvent(Object.assign(new CustomEvent('docent-' + name, { detail, bubbles: true, composed: true, cancelable: true }), detail));
  }

  /** Puts the book's title, the button's words and the examples where they show. */
  function names(): void {
    const book = attribute('book');
    panel.ariaLabel = log.ariaLabel = title.textContent = book ? fill(strings.askBook, book) : strings.ask;
    words.textContent = attribute('label') || strings.ask;
    if (!turns.length) welcome();
  }

  function theme(): void {
    const wanted = attribute('theme');
    root.classList.toggle('dark', wanted === 'dark' || (wanted !== 'light' && pageIsDark()));
  }

  function show(): void {
    opener ??= document.activeElement as HTMLElement | null;
    host.open = true;
    field.focus();
  }

  function close(): void {
    host.open = false;
  }

  /** The panel has been opened or closed; on a page of its own it always is open. */
  function toggled(): void {
    const { open } = host;
    const inside = shadow.activeElement;
    if (!isPage) {
      panel.hidden = !open;
      launcher.hidden = open;
      memory.opened(open);
    }
    preview.hide();
    if (open) restore();
    else {
      if (inside) {
        launcher.focus();
        // What opened it may be gone, or nothing that takes the focus: then it stays on the button.
        opener?.focus();
      }
      opener = null;
    }
    say(open ? 'open' : 'close');
  }

  /** This tab's conversation comes back by itself; one of an earlier visit is offered. */
  function restore(): void {
    const id = memory.current();
    if (!restored && id) void load(id);
    restored = true;
  }

  async function load(id: string): Promise<void> {
    const messages = await client.conversation(id, signal);
    if (signal.aborted || turns.length || !messages?.length) return;
    remember(id);
    messages.forEach(({ role, content }, index) => {
      if (role !== 'user') return;
      const turn = begin(content);
      const reply = messages[index + 1];
      const answered = reply && reply.role !== 'user';
      if (answered) turn.take({ ...reply, type: 'token', message_id: reply.id });
      turn.finish(!answered || reply.outcome === 'stopped' ? 'stopped' : 'answered');
    });
    scrollTo(log.scrollHeight);
  }

  function remember(id?: string): void {
    conversation = id;
    memory.remember(id);
  }

  function askAbout(marked: string): void {
    const about = short(marked, LONGEST);
    if (!about) return;
    context = about;
    badge.replaceChildren(icon('askSelection'),
      h('div', h('b', strings.selected), h('span', { dir: 'auto' }, about), about.length < marked.trim().length && h('small', fill(strings.shortened, LONGEST))),
      iconButton(strings, 'leave', leave));
    badge.hidden = false;
    show();
  }

  /** Questions are about the whole book again. */
  function leave(): void {
    context = undefined;
    badge.hidden = true;
    field.focus();
  }

  function fresh(): void {
    running?.abort();
    remember();
    turns = [];
    welcome();
    leave();
  }

  async function ask(question: string): Promise<void> {
    const message = short(question, QUESTION_LIMIT);
    if (!message || running || signal.aborted) return;
    await run(begin(message, context));
  }

  /** Puts a new turn at the end of the log. */
  function begin(question: string, about?: string): Turn {
    if (!turns.length) log.replaceChildren();
    const turn = openTurn(turnHost, question, about);
    turns.push(turn);
    log.append(turn.root);
    if (turns.length > TURN_LIMIT) turns.shift()!.root.remove();
    return turn;
  }

  async function retry(turn: Turn): Promise<void> {
    if (running) return;
    turn.restart();
    field.focus();
    await run(turn);
  }

  async function run(turn: Turn): Promise<void> {
    const mine = new AbortController();
    running = mine;
    busy();
    following = false;
    // The question goes to the top and its answer grows below it: nothing moves while one reads.
    scrollTo(turn.root.offsetTop - log.offsetTop - 16);
    const mode = turn.context ? 'selection' : 'general';
    const question: Question = { message: turn.question, mode, context: turn.context, conversation_id: conversation, ...place() };
    say('ask', { mode });
    let outcome = 'stopped';
    for await (const event of client.ask(question, mine.signal)) {
      if (event.type === 'metadata' && event.conversation_id) remember(event.conversation_id);
      turn.take(event);
      if (event.type === 'done' || event.type === 'error') outcome = event.outcome || event.code!;
      if (event.type !== 'token') stick();
    }
    turn.stop();
    if (running === mine) {
      running = null;
      busy();
    }
    stick();
    if (turn.root.isConnected) announce(turn);
    say('answer', { outcome });
  }

  /** Where the reader is: sent with the question, so that the answer can prefer this version and language. */
  function place(): Pick<Question, 'page' | 'version' | 'locale'> {
    if (isPage) return {};
    // An attribute of ours, else what Docusaurus writes. What is undefined is not sent.
    const told = (name: string): string | undefined =>
      attribute(name) || document.querySelector<HTMLMetaElement>(`meta[name=docusaurus_${name}]`)?.content || undefined;
    return { page: location.origin + location.pathname, version: told('version'), locale: told('locale') };
  }

  /** The finished answer is announced once; the log itself is quiet while it grows. */
  function announce(turn: Turn): void {
    announcer.textContent = `${strings.answer}: ${turn.root.querySelector('.prose,.notice')?.textContent}`;
    // Said once, it must not be read a second time by someone who walks through the panel.
    setTimeout(() => announcer.replaceChildren(), ANNOUNCED_MS);
  }

  function follow(event: MouseEvent, url: string): void {
    preview.hide();
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (!say('navigate', { url })) event.preventDefault();
    // On a phone the sheet covers the page that was just asked for.
    if (!isPage && matchMedia('(max-width:40rem)').matches) close();
  }

  /** Keeps the end of the answer in view, but only for a reader who has scrolled there. */
  function stick(): void {
    if (following) scrollTo(log.scrollHeight);
  }

  function scrollTo(top: number): void {
    log.scrollTop = top;
    scrolledTo = log.scrollTop;
  }

  /** Our own scrolling says nothing about what the reader wants. */
  function scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = log;
    if (Math.abs(scrollTop - scrolledTo) > 2) following = scrollHeight - scrollTop - clientHeight < STICK_PX;
    preview.hide();
  }

  function busy(): void {
    relabel(action, strings, running ? 'stop' : 'send');
    ready();
  }

  /** The button is off while there is nothing to send, but keeps its place in the tab order. */
  function ready(): void {
    action.ariaDisabled = String(!running && !field.value.trim());
  }

  function submit(event: Event): void {
    event.preventDefault();
    const question = field.value;
    if (running || !question.trim()) return;
    field.value = '';
    fit();
    void ask(question);
  }

  /** Grows the field with its text. */
  function fit(): void {
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight}px`;
    ready();
  }

  function welcome(): void {
    const last = conversation || memory.current() ? null : memory.last();
    log.replaceChildren(h('div.welcome', h('h3', strings.welcome),
      chips(exampleQuestions(), (question) => {
        field.focus();
        void ask(question);
      }),
      last && h('button.plain', { onclick: () => {
        void load(last);
        field.focus();
      } }, strings.resume), h('slot', { name: 'welcome' })));
  }

  /** Up to five questions to begin with. */
  function exampleQuestions(): string[] {
    // What the book speaks of becomes a question in the reader's words; a heading that asks already is one.
    const topics = listOf(attribute('topics')).map((topic) => (/[?？؟]$/.test(topic) ? topic : fill(strings.about, topic)));
    return [listOf(attribute('examples')), topics, strings.starters.split('|')].find((questions) => questions.length)!.slice(0, 5);
  }

  /** Escape undoes the smallest thing first: card, answer, selection, panel. */
  function escape(): void {
    if (preview.hide()) return;
    if (running) running.abort();
    else if (context) leave();
    else if (!isPage) close();
  }

  for (const type of ['keydown', 'keyup', 'keypress']) {
    shadow.addEventListener(type, ((event: KeyboardEvent) => {
      if (type === 'keydown' && event.key === 'Escape' && !event.isComposing) {
        event.preventDefault();
        escape();
      }
      // A key typed here must not trigger the page's shortcuts: outside, its target looks like no text field.
      if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
    }) as EventListener, { signal });
  }
  if (!isPage) {
    const hotkey = (attribute('hotkey') ?? 'i').toLowerCase();
    document.addEventListener('keydown', (event) => {
      if (event.key?.toLowerCase() !== hotkey || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.repeat) return;
      event.preventDefault();
      const selected = selection !== 'off' && selectedText(selection);
      if (host.open && shadow.activeElement) close();
      else if (selected) askAbout(selected);
      else show();
    }, { signal });
    if (selection !== 'off') watchSelection({ root, label: strings.askSelection, article: selection, take: askAbout, signal });
  }
  names();
  theme();
  watchTheme(theme, signal);
  ready();

  // `?ask=…` asks when the page is opened. The parameter is removed, so that a reload does not ask again.
  const url = new URL(location.href);
  const asked = url.searchParams.get('ask')?.trim();
  if (asked) {
    url.searchParams.delete('ask');
    history.replaceState(history.state, '', url);
    restored = true;
  }
  if (!isPage && (asked || memory.wasOpen())) host.open = true;
  if (host.open) toggled();
  if (asked) void ask(asked);

  return {
    show, askAbout, fresh, ask,
    /** An attribute of the element has another value. */
    changed(name: string): void {
      if (name !== 'open') name === 'theme' ? theme() : names();
      else if (!isPage) toggled();
    },
  };
}

/** An attribute's list: JSON, or one a line. */
function listOf(value: string | null): string[] {
  let lines: unknown = value?.split('\n');
  try {
    lines = JSON.parse(value!) ?? lines;
  } catch {
    // Not JSON: lines.
  }
  return list(lines).map((line) => text(line).trim()).filter(Boolean);
}
