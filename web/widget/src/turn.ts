// One question with its answer, as nodes: the streaming text, citations, notices, sources, verdict and follow-ups.
// It is told what happened and draws it; it asks nothing itself.

import { chips, h, iconButton, relabel, type Child, type Props } from './dom.ts';
import { highlight } from './highlight.ts';
import { markdownStream, safeUrl } from './render.ts';
import { fill, type Strings } from './strings.ts';
import { titleOf, type Source } from './transcript.ts';
import type { Progress, Verdict } from './client.ts';
import type { Preview } from './preview.ts';

/** What a turn may ask of the panel around it. */
export interface TurnHost {
  readonly strings: Strings;
  readonly preview: Preview;
  /** Where pages of the book open: here, or in a tab of their own. */
  readonly target: string;
  /** Asks the same question again in this turn's place. */
  retry(turn: Turn): void;
  ask(question: string): void;
  /** Says whether the verdict arrived. */
  rate(verdict: Verdict): Promise<boolean>;
  /** The reader follows a citation. */
  follow(event: MouseEvent, url: string): void;
  /** The answer has become longer. */
  grown(): void;
}

/** How long a copy button says that it has copied. */
const COPIED_MS = 1500;
/** The codes sent for the four reasons, in the order of `Strings.reasons`. */
const REASONS = 'wrong incomplete off_topic bad_source'.split(' ');

/** A question and what became of it. `root` goes into the log. */
export type Turn = ReturnType<typeof openTurn>;

/** A turn for a question, about a selection if there is a `context`. */
export function openTurn(host: TurnHost, question: string, context?: string) {
  const { strings } = host;
  const answer = h('div.answer');
  /** The answer's Markdown so far, and what of it is not drawn yet. */
  let text: string;
  let pending = '';
  let message: string | undefined;
  /** How it ended; empty while it goes on. */
  let state: '' | 'answered' | 'stopped' | 'failed';
  let sources: Source[];
  let prose: HTMLElement;
  let markdown: ReturnType<typeof markdownStream>;
  let frame = 0;
  let wait: HTMLElement | undefined;
  let tick: ReturnType<typeof setInterval>;

  const root = h('div.turn',
    h('h3.question', { part: 'question' },
      h('span.unseen', strings.you + ': '), context && h('span.about', { dir: 'auto' }, context), h('span', { dir: 'auto' }, question)),
    answer);

  /** Back to the moment the question was sent. */
  function restart(): void {
    text = state = '';
    message = undefined;
    sources = [];
    prose = h('div.prose', { part: 'answer', dir: 'auto' });
    markdown = markdownStream(prose, { headingShift: 3, citation, link, code });
    answer.replaceChildren(prose);
    waiting(strings.thinking);
  }

  /** Draws one event. Tokens are collected and drawn once a frame. */
  function take(event: Progress): void {
    if (event.type === 'waiting') return waiting(strings[event.reason], event.seconds);
    message = event.message_id || message;
    if (event.sources?.length) sources = event.sources;
    switch (event.type) {
      case 'token':
        if (!event.content) break;
        waiting();
        text += event.content;
        pending += event.content;
        // A hidden tab gets no frames; its text must not pile up undrawn.
        if (document.hidden) flush();
        else frame ||= requestAnimationFrame(flush);
        break;
      case 'notice':
        notice(event.message!);
        break;
      case 'done':
        finish('answered', event.suggestions);
        break;
      case 'error':
        end('failed');
        notice(event.message || (event.code === 'cut' ? strings.cut : strings.failed), 'bad');
        if (text) sourceList();
        answer.append(h('button.plain again', { onclick: () => host.retry(turn) }, strings.retry));
    }
  }

  /** The answer ends here. `suggestions` are questions to ask next. */
  function finish(how: 'answered' | 'stopped', suggestions: string[] = []): void {
    end(how);
    if (how === 'stopped') notice(strings.stopped);
    sourceList();
    actions();
    if (suggestions.length) answer.append(h('div.next', h('h4', strings.followUps), chips(suggestions.slice(0, 3), host.ask)));
  }

  function notice(words: string, kind = ''): void {
    answer.append(h(`p.notice ${kind}`, words));
  }

  function flush(): void {
    frame = 0;
    if (!pending) return;
    markdown.push(pending);
    pending = '';
    host.grown();
  }

  function end(how: typeof state): void {
    state = how;
    waiting();
    flush();
    markdown.end();
    if (!text) prose.remove();
  }

  /** Says why there is no answer yet; `{seconds}` in the words counts down. */
  function waiting(words?: string, seconds = 0): void {
    clearInterval(tick);
    wait?.remove();
    if (!words) return;
    const shown = h('span');
    const show = (): void => {
      shown.textContent = fill(words, Math.max(0, seconds--));
    };
    show();
    if (words.includes('{')) tick = setInterval(show, 1000);
    wait = h('div.wait', shown);
    answer.append(wait);
  }

  function citation(n: number): Node | undefined {
    const source = sources.find((candidate) => candidate.n === n);
    if (!source) return;
    const ariaLabel = addressOf(source) && `${n}: ${titleOf(source)}`;
    return leading(source, 'cite', { part: 'citation', ariaLabel, ...host.preview.of(source) }, n);
  }

  /** A link to a source; a source without an address that may be opened is only text. */
  function leading(source: Source, kind: string, ...parts: (Props | Child)[]): HTMLElement {
    const href = addressOf(source);
    return href ? h<'a'>(`a.${kind}`, { href, target: host.target, onclick: (event) => host.follow(event, href) }, ...parts) : h<'span'>(`span.${kind}`, ...parts);
  }

  /** A link in an answer is a link only when it leads to a page among the sources; others are shown as text. */
  function link(url: string): string | null {
    const address = safeUrl(url, document.baseURI);
    const page = (value: string | null): string | undefined => value?.replace(/\/?(#.*)?$/s, '');
    return address && sources.some((source) => page(addressOf(source)) === page(address)) ? address : null;
  }

  function code(pre: HTMLElement, language: string): HTMLElement {
    pre.tabIndex = 0;
    highlight(pre.firstChild as HTMLElement, language);
    return h('div.block', pre, copyButton(() => pre.textContent!));
  }

  function copyButton(words: () => string): HTMLElement {
    const made = iconButton(strings, 'copy', () => navigator.clipboard?.writeText(words()).then(() => {
      relabel(made, strings, 'copied');
      setTimeout(() => relabel(made, strings, 'copy'), COPIED_MS);
    }, () => {}));
    return made;
  }

  function sourceList(): void {
    if (sources.length) answer.append(h('div.sources', h('h4', strings.sources), h('ol', ...sources.map((source) => {
      const where = whereIn(source);
      return h('li', leading(source, 'source', { part: 'source' }, h('small', source.n), h('span', titleOf(source), where && h('small', ' · ' + where))));
    }))));
  }

  /** Copy, retry, and a verdict on the answer. */
  function actions(): void {
    const bar = h('div.actions', text && copyButton(() => text), iconButton(strings, 'retry', () => host.retry(turn), 'tool again'));
    answer.append(bar);
    if (!message || state !== 'answered') return;
    const said = h('span', { role: 'status' });
    const rate = async (helpful: boolean, reason?: string, note?: string): Promise<void> => {
      if (!(await host.rate({ message_id: message!, helpful, reason, note }))) return;
      up.ariaPressed = String(helpful);
      down.ariaPressed = String(!helpful);
      said.textContent = strings.thanks;
    };
    const up = iconButton(strings, 'good', () => rate(true));
    const down = iconButton(strings, 'bad', () => {
      if (bar.nextElementSibling?.className === 'why') return;
      const why = askWhy(down, (reason, note) => rate(false, reason, note));
      bar.after(why);
      why.querySelector('button')!.focus();
      why.scrollIntoView({ block: 'nearest' });
    });
    bar.append(up, down, said);
  }

  /** Asks what was wrong. Whether it is sent or left, the focus goes back to the thumb. */
  function askWhy(thumb: HTMLElement, send: (reason?: string, note?: string) => void): HTMLElement {
    let reason: string | undefined;
    const close = (): void => {
      why.remove();
      thumb.focus();
    };
    const choices = strings.reasons.split('|').map((label, index) => {
      const choice = h('button.chip', { ariaPressed: 'false', onclick: () => {
        reason = REASONS[index];
        for (const other of choices) other.ariaPressed = String(other === choice);
      } }, label);
      return choice;
    });
    const note = h('textarea', { rows: 2, maxLength: 1000, ariaLabel: strings.note, placeholder: strings.note });
    const why = h('div.why', { role: 'group', ariaLabel: strings.why, onkeydown: (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    } }, h('h4', strings.why), h('div.chips', ...choices), note,
      h('button.filled', { onclick: () => {
        send(reason, note.value.trim() || undefined);
        close();
      } }, strings.send));
    return why;
  }

  const turn = {
    root, question, context, restart, take, finish,
    /** The reader has stopped it, unless it has ended already. */
    stop: () => state || finish('stopped'),
  };
  restart();
  return turn;
}

/** Where a source leads, if it may be opened: the quoted sentence, else the page. */
export function addressOf({ href, url }: Source): string | null {
  const address = href || url;
  return address && safeUrl(address, document.baseURI);
}

/** The headings above a passage, without the page's title, which already stands before them. */
const whereIn = (source: Source): string => source.heading.split(' > ').filter((part, index) => index || part !== titleOf(source)).join(' › ');
