// Turns the bytes of an answer stream into typed events. Pure: no DOM, no network, no clock, so that it is
// tested in Node on the golden transcripts of `protocol/`, which the server's own tests read too.

/** A passage that stands behind an answer. `file` and `heading` are the names the first front end knew. */
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
}

/** One event of an answer. Order: metadata, sources, token*, notice*, then exactly one done or error. */
export interface ChatEvent {
  type: 'metadata' | 'sources' | 'token' | 'notice' | 'done' | 'error';
  /** The fields of every type; those that an event does not have are empty. */
  conversation_id?: string;
  message_id?: string;
  content?: string;
  code?: string;
  message?: string;
  outcome?: string;
  sources?: Source[];
  suggestions?: string[];
}

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

  /** Takes the next bytes and returns the frames they complete, in order. */
  push(bytes: Uint8Array): Frame[] {
    return this.#take(this.#utf8.decode(bytes, { stream: true }));
  }

  /** The stream is over: returns the last frame if its blank line never came. */
  end(): Frame[] {
    return this.#take(this.#utf8.decode() + '\n\n');
  }

  #take(text: string): Frame[] {
    const frames: Frame[] = [];
    // A carriage return at the very end waits: a line feed may follow.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?=[^])/);
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?([^]*)/.exec(line)!;
      if (field === 'data') this.#data.push(value!);
      else if (field === 'id') this.#id = value;
      else if (!line) {
        if (this.#data.length) frames.push({ data: this.#data.join('\n'), id: this.#id });
        this.#data = [];
        this.#id = undefined;
      }
    }
    return frames;
  }
}

/** An untrusted value as a text or a list; anything of another type is empty. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Sources in the order of their numbers; one without a number gets its place. What has the wrong type is dropped. */
export function readSources(value: unknown): Source[] {
  return list(value).map((item, index) => {
    const raw = (item ?? {}) as Record<string, unknown>;
    const source: Source = { n: Number.isInteger(raw.n) ? (raw.n as number) : index + 1 };
    for (const key of ['title', 'url', 'anchor', 'quote', 'href', 'file', 'heading'] as const) if (text(raw[key])) source[key] = text(raw[key]);
    return source;
  });
}

/**
 * Reads one frame. An unknown type, broken JSON or a wrong shape is `null`, never an exception: one bad frame
 * must not end an answer, and a newer server may send events that we do not know yet.
 */
export function readEvent(frame: Frame): ChatEvent | null {
  try {
    const raw = JSON.parse(frame.data);
    if (!/^(metadata|sources|token|notice|done|error)$/.test(raw.type)) return null;
    const { type } = raw;
    const event: ChatEvent = { type, sources: readSources(raw.sources), suggestions: list(raw.suggestions).map(text).filter(Boolean) };
    for (const key of ['conversation_id', 'message_id', 'content', 'code', 'message', 'outcome'] as const) event[key] = text(raw[key]);
    return event;
  } catch {
    return null;
  }
}
