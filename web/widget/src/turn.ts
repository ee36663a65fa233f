// One question with its answer, as nodes: the streaming text, citations, notices, sources, verdict and follow-ups.
// It is told what happened and draws it; it asks nothing itself.

import { button, chips, h, iconButton, relabel } from './dom.ts';
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
  #prose!: HTMLElement;
  #markdown!: MarkdownStream;
  #pending = '';
  #frame = 0;
  #sources: Source[] = [];
  #wait?: HTMLElement;
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
    this.#prose = h('div', { class: 'prose', part: 'answer', dir: 'auto' });
    this.#markdown = new MarkdownStream(this.#prose, {
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
        this.#sources = event.sources!;
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
        this.#notice(event.message!);
        break;
      case 'done':
        if (event.sources?.length) this.#sources = event.sources;
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
    if (state === 'stopped') this.#notice(this.#host.strings.stopped);
    this.#sourceList();
    this.#actions();
    if (suggestions.length) this.#answer.append(h('div', { class: 'next' }, h('h4', {}, this.#host.strings.followUps), chips(suggestions.slice(0, 3), (question) => this.#host.ask(question))));
  }

  /** There is no answer, or not a whole one. What was said stays. */
  fail(message: string): void {
    this.#end();
    this.state = 'failed';
    this.#notice(message, 'notice bad');
    if (this.text) this.#sourceList();
    this.#answer.append(button('button plain again', () => this.#host.retry(this), this.#host.strings.retry));
  }

  /** A newer question was asked: follow-ups and retry belong to the newest turn only. */
  retire(): void {
    for (const part of this.#answer.querySelectorAll('.next, .again')) part.remove();
  }

  #notice(message: string, className = 'notice'): void {
    this.#answer.append(h('p', { class: className }, message));
  }

  #flush(): void {
    cancelAnimationFrame(this.#frame);
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

  /** Says why there is no answer yet; `{seconds}` in the message counts down. */
  #waiting(message: string | null, seconds = 0): void {
    clearInterval(this.#tick);
    this.#wait?.remove();
    if (message === null) return;
    const words = h('span');
    const show = (): void => {
      words.textContent = fill(message, { seconds: Math.max(0, Math.round(seconds--)) });
    };
    show();
    if (message.includes('{')) this.#tick = setInterval(show, 1000);
    this.#wait = h('div', { class: 'wait' }, h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), words);
    this.#answer.append(this.#wait);
  }

  #citation(n: number): Node {
    const source = this.#sources.find((candidate) => candidate.n === n)!;
    const anchor = this.#leading(source, { class: 'cite', 'aria-label': `${n}: ${titleOf(source)}` }, 'citation', n);
    this.#host.preview.bind(anchor, source);
    return anchor;
  }

  /** A link to a source; a source without an address that may be opened is only text. */
  #leading(source: Source, attributes: Record<string, string>, part: string, ...children: (Node | number)[]): HTMLElement {
    const href = addressOf(source);
    return href ? h('a', { ...attributes, href, part, click: (event: MouseEvent) => this.#host.follow(event, href) }, ...children) : h('span', { class: attributes.class ?? 'dead' }, ...children);
  }

  /** A link in an answer is a link only when it leads to a page among the sources; others are shown as text. */
  #knownLink(url: string): string | null {
    const address = safeUrl(url, document.baseURI);
    const page = (value: string): string => value.replace(/#.*$/s, '').replace(/\/$/, '');
    return address && this.#sources.some((source) => page(addressOf(source) ?? '') === page(address)) ? address : null;
  }

  #code(pre: HTMLElement, code: HTMLElement, language: string): void {
    pre.tabIndex = 0;
    highlight(code, language);
    // The block takes the place of the <pre> once that stands in the text.
    queueMicrotask(() => {
      const block = h('div', { class: 'block' }, copyButton(() => code.textContent!, this.#host.strings));
      pre.replaceWith(block);
      block.prepend(pre);
    });
  }

  #sourceList(): void {
    const sources = this.#sources.filter((source, index, all) => all.findIndex((other) => other.n === source.n) === index);
    if (!sources.length) return;
    this.#answer.append(h('div', { class: 'sources' }, h('h4', {}, this.#host.strings.sources), h('ol', {}, ...sources.map((source) => {
      const where = whereIn(source);
      return h('li', {}, this.#leading(source, {}, 'source', h('span', { class: 'n' }, source.n), h('span', { class: 'where' }, titleOf(source), where && h('small', {}, ' · ' + where))));
    }))));
  }

  /** Copy, retry, and a verdict on the answer. */
  #actions(): void {
    const { strings } = this.#host;
    const bar = h('div', { class: 'actions' }, this.text && copyButton(() => this.text, strings), iconButton('retry', strings.retry, () => this.#host.retry(this), 'tool again'));
    this.#answer.append(bar);
    if (!this.messageId || this.state !== 'answered') return;
    const said = h('span', { role: 'status' });
    const rate = async (chosen: HTMLElement, reason?: string, note?: string): Promise<void> => {
      if (!(await this.#host.rate(this, chosen === up, reason, note))) return;
      for (const thumb of [up, down]) thumb.ariaPressed = thumb === chosen ? 'true' : null;
      said.textContent = strings.thanks;
    };
    const up = iconButton('up', strings.good, () => rate(up));
    const down = iconButton('down', strings.bad, () => {
      if (bar.nextElementSibling?.className === 'why') return;
      const why = this.#why(down, (reason, note) => rate(down, reason, note));
      bar.after(why);
      why.querySelector('button')!.focus();
      why.scrollIntoView({ block: 'nearest' });
    });
    bar.append(up, down, said);
  }

  /** Asks what was wrong. Whether it is sent or left, the focus goes back to the thumb. */
  #why(thumb: HTMLElement, send: (reason?: string, note?: string) => void): HTMLElement {
    const { strings } = this.#host;
    let reason: string | undefined;
    const close = (): void => {
      why.remove();
      thumb.focus();
    };
    const choices = strings.reasons.split('|').map((label, index) => {
      const choice = button('chip', () => {
        reason = REASONS[index];
        for (const other of choices) other.ariaPressed = String(other === choice);
      }, label);
      choice.ariaPressed = 'false';
      return choice;
    });
    const note = h('textarea', { rows: 2, maxlength: 1000, 'aria-label': strings.note, placeholder: strings.note });
    const why = h('div', { class: 'why', role: 'group', 'aria-label': strings.why, keydown: (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    } }, h('h4', {}, strings.why), h('div', { class: 'chips' }, ...choices), note,
      button('button filled', () => {
        send(reason, note.value.trim() || undefined);
        close();
      }, strings.send));
    return why;
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

function copyButton(text: () => string, strings: Strings): HTMLElement {
  const made = iconButton('copy', strings.copy, async () => {
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      return;
    }
    relabel(made, 'done', strings.copied);
    setTimeout(() => relabel(made, 'copy', strings.copy), 1500);
  });
  return made;
}
