// One question with its answer, as nodes: the streaming text, citations, notices, sources, verdict and follow-ups.
// It is told what happened and draws it; it asks nothing itself.

import { h, iconButton, relabel } from './dom.ts';
import { highlight } from './highlight.ts';
import { MarkdownStream, safeUrl } from './render.ts';
import { fill, type Strings } from './strings.ts';
import type { Source } from './transcript.ts';
import type { Progress } from './client.ts';

/** What a turn may ask of the panel around it. */
export interface TurnHost {
  readonly strings: Strings;
  /** Asks the same question again in this turn's place. */
  retry(turn: Turn): void;
  ask(question: string): void;
  rate(turn: Turn, helpful: boolean, reason?: string, note?: string): Promise<boolean>;
  /** The reader follows a citation. */
  follow(event: MouseEvent, url: string): void;
  preview: { bind(anchor: HTMLElement, source: Source): void };
}

/** The codes sent for the four reasons, in the order of `Strings.reasons`. */
const REASONS = ['wrong', 'incomplete', 'off_topic', 'bad_source'];

/** A question and what became of it. `root` goes into the log. */
export class Turn {
  readonly root: HTMLElement;
  readonly question: string;
  /** The selection the question is about, if any. */
  readonly context: string | undefined;
  /** The answer's Markdown so far. */
  text = '';
  messageId: string | undefined;
  state: 'asking' | 'answered' | 'stopped' | 'failed' = 'asking';

  readonly #host: TurnHost;
  readonly #answer = h('div', { class: 'answer' });
  #prose = h('div', { class: 'prose', part: 'answer' });
  #markdown!: MarkdownStream;
  #pending = '';
  #frame = 0;
  #sources: Source[] = [];
  #cited = new Set<number>();
  #wait: HTMLElement | null = null;
  #tick: ReturnType<typeof setInterval> | undefined;

  constructor(host: TurnHost, question: string, context?: string) {
    this.#host = host;
    this.question = question;
    this.context = context;
    const { strings } = host;
    this.root = h('div', { class: 'turn' },
      h('h3', { class: 'question', part: 'question' },
        h('span', { class: 'unseen' }, strings.you + ': '), context && h('span', { class: 'about', dir: 'auto' }, context), h('span', { dir: 'auto' }, question)),
      this.#answer);
    this.restart();
  }

  /** Back to the moment the question was sent. */
  restart(): void {
    this.#flush();
    this.text = '';
    this.messageId = undefined;
    this.state = 'asking';
    this.#sources = [];
    this.#cited.clear();
    this.#prose = h('div', { class: 'prose', part: 'answer', dir: 'auto' });
    this.#markdown = new MarkdownStream(this.#prose, {
      document,
      headingShift: 3,
      isCitation: (n) => this.#sources.some((source) => source.n === n),
      citation: (n) => this.#citation(n),
      link: (url) => this.#knownLink(url),
      code: (pre, code, language) => this.#code(pre, code, language),
    });
    this.#answer.replaceChildren(this.#prose);
    this.#waiting(this.#host.strings.thinking);
  }

  /** Draws one event. Tokens are collected and drawn once a frame. */
  take(event: Progress): void {
    const { strings } = this.#host;
    switch (event.type) {
      case 'waiting':
        this.#waiting(strings[event.reason], event.seconds);
        break;
      case 'metadata':
        this.messageId = event.message_id;
        break;
      case 'sources':
        this.#sources = event.sources;
        break;
      case 'token':
        if (!event.content) break;
        this.#waiting(null);
        this.text += event.content;
        this.#pending += event.content;
        // A hidden tab gets no frames; its text must not pile up undrawn.
        if (document.hidden) this.#flush();
        else this.#frame ||= requestAnimationFrame(() => this.#flush());
        break;
      case 'notice':
        this.#answer.append(h('p', { class: 'notice', 'data-code': event.code }, event.message));
        break;
      case 'done':
        if (event.sources.length) this.#sources = event.sources;
        this.finish('answered', event.suggestions);
        break;
      case 'error':
        this.fail(event.message || (event.code === 'cut' ? strings.cut : strings.failed));
        break;
    }
  }

  /** The answer ends here. `suggestions` are questions to ask next. */
  finish(state: 'answered' | 'stopped', suggestions: string[] = []): void {
    this.#end();
    this.state = state;
    if (state === 'stopped') this.#answer.append(h('p', { class: 'notice' }, this.#host.strings.stopped));
    this.#sourceList();
    this.#actions();
    if (suggestions.length) this.#next(suggestions);
  }

  /** There is no answer, or not a whole one. What was said stays. */
  fail(message: string): void {
    this.#end();
    this.state = 'failed';
    this.#answer.append(h('p', { class: 'notice bad' }, message));
    if (this.text) this.#sourceList();
    this.#answer.append(h('button', { type: 'button', class: 'button plain again', click: () => this.#host.retry(this) }, this.#host.strings.retry));
  }

  /** A newer question was asked: follow-ups and retry belong to the newest turn only. */
  retire(): void {
    for (const part of this.#answer.querySelectorAll('.next, .again')) part.remove();
  }

  #flush(): void {
    if (this.#frame) cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.#pending) return;
    this.#markdown.push(this.#pending);
    this.#pending = '';
    this.root.dispatchEvent(new Event('grow'));
  }

  #end(): void {
    this.#waiting(null);
    this.#flush();
    this.#markdown.end();
    if (!this.text) this.#prose.remove();
  }

  #waiting(message: string | null, seconds = 0): void {
    clearInterval(this.#tick);
    if (message === null) {
      this.#wait?.remove();
      this.#wait = null;
      return;
    }
    const words = h('span', {});
    const show = (): void => void (words.textContent = fill(message, { seconds: Math.max(0, Math.round(seconds)) }));
    show();
    if (message.includes('{seconds}')) {
      this.#tick = setInterval(() => {
        seconds--;
        show();
      }, 1000);
    }
    const wait = h('div', { class: 'wait' }, h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), words);
    if (this.#wait) this.#wait.replaceWith(wait);
    else this.#answer.append(wait);
    this.#wait = wait;
  }

  #citation(n: number): Node {
    this.#cited.add(n);
    const source = this.#sources.find((candidate) => candidate.n === n)!;
    const url = addressOf(source);
    const name = `${n}: ${titleOf(source)}`;
    if (!url) return h('span', { class: 'cite', title: name }, String(n));
    const anchor = h('a', { class: 'cite', part: 'citation', href: url, 'aria-label': name,
      click: (event: MouseEvent) => this.#host.follow(event, url) }, String(n));
    this.#host.preview.bind(anchor, source);
    return anchor;
  }

  /** A link in an answer is a link only when it leads to a page among the sources; others are shown as text. */
  #knownLink(url: string): string | null {
    const address = safeUrl(url, document.baseURI);
    const page = (value: string): string => value.replace(/#.*$/s, '').replace(/\/$/, '');
    return address && this.#sources.some((source) => page(addressOf(source) ?? '') === page(address)) ? address : null;
  }

  #code(pre: HTMLElement, code: HTMLElement, language: string): void {
    const { strings } = this.#host;
    pre.tabIndex = 0;
    highlight(code, language);
    const button = iconButton('copy', strings.copy, () => void copy(code.textContent ?? '', button, strings));
    const block = h('div', { class: 'block' });
    // The block takes the place of the <pre> once that stands in the text.
    queueMicrotask(() => {
      pre.replaceWith(block);
      block.append(pre, button);
    });
  }

  #sourceList(): void {
    const { strings } = this.#host;
    const sources = this.#sources.filter((source, index, all) => all.findIndex((other) => other.n === source.n) === index);
    if (!sources.length) return;
    const items = sources.map((source) => {
      const url = addressOf(source);
      const inner = [
        h('span', { class: 'n' }, String(source.n)),
        h('span', { class: 'where' }, titleOf(source), whereIn(source) && h('small', {}, ' · ' + whereIn(source))),
      ];
      const anchor = url
        ? h('a', { href: url, part: 'source', click: (event: MouseEvent) => this.#host.follow(event, url) }, ...inner)
        : h('span', { class: 'dead' }, ...inner);
      return h('li', {}, anchor);
    });
    this.#answer.append(h('div', { class: 'sources' }, h('h4', {}, strings.sources), h('ol', {}, ...items)));
  }

  #actions(): void {
    const { strings } = this.#host;
    const bar = h('div', { class: 'actions' });
    const copyButton = iconButton('copy', strings.copy, () => void copy(this.text, copyButton, strings));
    if (this.text) bar.append(copyButton);
    bar.append(iconButton('retry', strings.retry, () => this.#host.retry(this), 'tool again'));
    if (this.messageId && this.state === 'answered') {
      const said = h('span', { role: 'status' });
      const up = iconButton('up', strings.good, async () => {
        if (await this.#host.rate(this, true)) thank(up);
      });
      const down = iconButton('down', strings.bad, () => {
        if (this.#answer.querySelector('.why')) return;
        const why = this.#why(async (reason, note) => {
          const arrived = await this.#host.rate(this, false, reason, note);
          why.remove();
          down.focus();
          if (arrived) thank(down);
        });
        bar.after(why);
        why.querySelector('button')?.focus();
      });
      const thank = (button: HTMLButtonElement): void => {
        up.removeAttribute('aria-pressed');
        down.removeAttribute('aria-pressed');
        button.setAttribute('aria-pressed', 'true');
        said.textContent = strings.thanks;
      };
      bar.append(up, down, said);
    }
    this.#answer.append(bar);
  }

  #why(send: (reason: string | undefined, note: string | undefined) => void): HTMLElement {
    const { strings } = this.#host;
    let reason: string | undefined;
    const chips = strings.reasons.split('|').map((label, index) => {
      const chip = h('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', click: () => {
        reason = REASONS[index];
        for (const other of chips) other.setAttribute('aria-pressed', String(other === chip));
      } }, label);
      return chip;
    });
    const note = h('textarea', { rows: 2, maxlength: 1000, 'aria-label': strings.note, placeholder: strings.note });
    const why = h('div', { class: 'why', role: 'group', 'aria-label': strings.why, keydown: (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      why.remove();
      this.#answer.querySelector<HTMLElement>('.actions button:last-of-type')?.focus();
    } },
      h('h4', {}, strings.why), h('div', { class: 'chips' }, ...chips), note,
      h('button', { type: 'button', class: 'button filled', click: () => send(reason, note.value.trim() || undefined) }, strings.send));
    return why;
  }

  #next(suggestions: string[]): void {
    const { strings } = this.#host;
    this.#answer.append(h('div', { class: 'next' }, h('h4', {}, strings.followUps), h('div', { class: 'chips' },
      ...suggestions.slice(0, 3).map((question) => h('button', { type: 'button', class: 'chip', dir: 'auto', click: () => this.#host.ask(question) }, question)))));
  }
}

/** Where a source leads, if it may be opened: the quoted sentence, else the heading, else the page. */
export function addressOf(source: Source): string | null {
  const address = source.href || (source.url && source.anchor && !source.url.includes('#') ? `${source.url}#${source.anchor}` : source.url);
  return address ? safeUrl(address, document.baseURI) : null;
}

/** What a source is called. */
export const titleOf = (source: Source): string => source.title || source.heading || source.file || source.url || '';

/** The headings above a passage, without the page's title, which already stands before them. */
function whereIn(source: Source): string {
  const path = (source.heading ?? '').split(' > ').filter(Boolean);
  if (path[0] === titleOf(source)) path.shift();
  return path.join(' › ');
}

async function copy(text: string, button: HTMLButtonElement, strings: Strings): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return;
  }
  relabel(button, 'done', strings.copied);
  setTimeout(() => relabel(button, 'copy', strings.copy), 1500);
}

