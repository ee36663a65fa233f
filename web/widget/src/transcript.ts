// Turns the bytes of an answer stream into typed events. Pure: no DOM, no network, no clock, so that it is
// tested in Node on the golden transcripts of `protocol/`, which the server's own tests read too.

/** A passage that stands behind an answer. `file`, `heading` and `similarity` are the names the first front end knew. */
export interface Source {
  n?: number;
  title?: string;
  /** Page address, as the site serves it; with `anchor` it points at the heading. */
  url?: string;
  anchor?: string;
  /** The sentence that supports the answer. */
  quote?: string;
  /** `url` + `#anchor` + text fragment: what a citation opens. */
  href?: string;
  file?: string;
  heading?: string;
  similarity?: number;
}

/** One event of an answer. Order: metadata, sources, token*, notice*, then exactly one done or error. */
export type ChatEvent =
  | { type: 'metadata'; conversation_id: string; message_id?: string }
  | { type: 'sources'; sources: Source[] }
  | { type: 'token'; content: string }
  | { type: 'notice'; code: string; message: string }
  | { type: 'done'; sources: Source[]; outcome: string; degraded: boolean; suggestions: string[] }
  | { type: 'error'; code: string; message: string; retry_after?: number };

/** One frame of the stream before its JSON is read. */
export interface Frame {
  id?: string;
  data: string;
}

/**
 * Splits a byte stream into SSE frames, whatever the cuts: inside a UTF-8 character, between `\r` and `\n`, inside
 * a field name. Comments (`: ping`) and fields we do not use are skipped. Lines may end in LF, CRLF or CR, and
 * `data:` may come without the space. A frame is also closed by the end of the stream: proxies drop the last blank line.
 */
export class SseDecoder {
  #utf8 = new TextDecoder();
  #rest = '';
  #data: string[] = [];
  #id: string | undefined;
  #skipLineFeed = false;

  /** Takes the next bytes and returns the frames they complete, in order. */
  push(bytes: Uint8Array): Frame[] {
    return this.#take(this.#utf8.decode(bytes, { stream: true }));
  }

  /** The stream is over: returns the last frame if its blank line never came. */
  end(): Frame[] {
    const frames = this.#take(this.#utf8.decode());
    if (this.#rest) this.#line(this.#rest, frames);
    this.#rest = '';
    this.#line('', frames);
    return frames;
  }

  #take(text: string): Frame[] {
    const frames: Frame[] = [];
    if (this.#skipLineFeed && text) {
      if (text[0] === '\n') text = text.slice(1);
      this.#skipLineFeed = false;
    }
    if (text.endsWith('\r')) this.#skipLineFeed = true;
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line, frames);
    return frames;
  }

  #line(line: string, frames: Frame[]): void {
    if (line === '') {
      if (this.#data.length) frames.push({ data: this.#data.join('\n'), id: this.#id });
      this.#data = [];
      this.#id = undefined;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'id') this.#id = value;
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Keeps of an untrusted value what a source may hold; anything of another type is dropped. */
export function readSource(value: unknown): Source {
  const raw = (value && typeof value === 'object' ? value : {}) as Record<string, unknown>;
  const source: Source = {};
  for (const key of ['title', 'url', 'anchor', 'quote', 'href', 'file', 'heading'] as const) {
    if (typeof raw[key] === 'string') source[key] = raw[key] as string;
  }
  if (Number.isInteger(raw.n)) source.n = raw.n as number;
  if (typeof raw.similarity === 'number') source.similarity = raw.similarity;
  return source;
}

/** Sources in the order of their numbers; a source without a number gets its place in the list. */
export function readSources(value: unknown): Source[] {
  return list(value).map((item, index) => ({ n: index + 1, ...readSource(item) }));
}

/**
 * Reads one frame. An unknown type, broken JSON or a wrong shape is `null`, never an exception: one bad frame
 * must not end an answer, and a newer server may send events that we do not know yet.
 */
export function readEvent(frame: Frame): ChatEvent | null {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(frame.data);
  } catch {
    return null;
  }
  if (!raw || typeof raw !== 'object') return null;
  switch (raw.type) {
    case 'metadata':
      return { type: 'metadata', conversation_id: text(raw.conversation_id), message_id: text(raw.message_id) || undefined };
    case 'sources':
      return { type: 'sources', sources: readSources(raw.sources) };
    case 'token':
      return { type: 'token', content: text(raw.content) };
    case 'notice':
      return { type: 'notice', code: text(raw.code), message: text(raw.message) };
    case 'done':
      return {
        type: 'done',
        sources: readSources(raw.sources),
        outcome: text(raw.outcome) || 'answered',
        degraded: Boolean(raw.degraded) && !(Array.isArray(raw.degraded) && raw.degraded.length === 0),
        suggestions: list(raw.suggestions).filter((item): item is string => typeof item === 'string'),
      };
    case 'error':
      return {
        type: 'error',
        code: text(raw.code) || 'error',
        message: text(raw.message),
        retry_after: typeof raw.retry_after === 'number' ? raw.retry_after : undefined,
      };
    default:
      return null;
  }
}
