// Turns the bytes of an answer stream into typed events. Pure: no DOM, no network, no clock, so that it is
// tested in Node on the golden transcripts of `protocol/`, which the server's own tests read too.

/** A passage that stands behind an answer; what it does not have is ''. `file` and `heading` are the names the first front end knew. */
export interface Source {
  n: number;
  title: string;
  /** Page address, as the site serves it. */
  url: string;
  /** The sentence that supports the answer. */
  quote: string;
  /** `url` + `#anchor` + text fragment: what a citation opens. */
  href: string;
  file: string;
  heading: string;
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
 *
 * The result takes the next bytes, or nothing at the end, and returns the frames they complete, in order; those without
 * data are empty.
 */
export function sseDecoder(): (bytes?: Uint8Array) => Frame[] {
  const utf8 = new TextDecoder();
  let rest = '';
  return (bytes) => {
    // A carriage return at the very end waits: a line feed may follow.
    const frames = (rest + utf8.decode(bytes, { stream: !!bytes }) + (bytes ? '' : '\n\n')).replace(/\r\n|\r(?=[^])/g, '\n').split('\n\n');
    rest = frames.pop()!;
    return frames.map((frame) => {
      const field = (name: string): string[] => frame.split('\n').filter((line) => line.startsWith(name)).map((line) => line.slice(name.length).replace(/^ /, ''));
      return { id: field('id:')[0], data: field('data:').join('\n') };
    });
  };
}

/** An untrusted value as a text or a list; anything of another type is empty. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const list = (value: unknown): any[] => (Array.isArray(value) ? value : []);

/** The named texts of an untrusted value; `names` stand apart by spaces. */
export const texts = (value: any, names: string): any => Object.fromEntries(names.split(' ').map((name) => [name, text(value?.[name])]));

/** A text without the space around it, and with so many characters at most. */
export const short = (value: string, limit: number): string => [...value.trim()].slice(0, limit).join('');

/** Sources in the order of their numbers; one without a number gets its place. What has the wrong type is empty. */
export const readSources = (value: unknown): Source[] => list(value).map((raw, index) =>
  ({ ...texts(raw, 'title url quote href file heading'), n: +raw?.n || index + 1 }));

/**
 * Reads one frame. Broken JSON or a wrong shape is `null`, never an exception: one bad frame must not end an answer. A
 * type that we do not know is nothing to whoever draws it: a newer server may send such events.
 */
export function readEvent(frame: Frame): ChatEvent | null {
  try {
    const raw = JSON.parse(frame.data);
    return raw.type && { ...texts(raw, 'type conversation_id message_id content code message outcome'),
      sources: readSources(raw.sources), suggestions: list(raw.suggestions).map(text).filter(Boolean) };
  } catch {
    return null;
  }
}

/** What a source is called. */
export const titleOf = (source: Source): string => source.title || source.heading || source.file || source.url;
