// Asks the server and keeps asking until there is an answer or a reason: waits while a Space wakes or the reader is
// offline, and takes up a cut stream where it broke. Knows no DOM; what happens is told as a stream of `Progress`.

import { readEvent, SseDecoder, type ChatEvent, type Source, readSources } from './transcript.ts';

/** The body of `POST api/chat`. */
export interface Question {
  message: string;
  mode: 'general' | 'selection';
  context?: string;
  conversation_id?: string;
  page?: string;
  version?: string;
  locale?: string;
}

/** Why there is no answer yet. `starting`: the server (or its host) is waking; `busy`: it asked us to come back. */
export type WaitReason = 'starting' | 'busy' | 'offline' | 'unreachable' | 'resuming';

/** What the reader's side shows while an answer comes. `error` with `retryable` offers a retry button. */
export type Progress = ChatEvent | { type: 'waiting'; reason: WaitReason; seconds: number };

/** A message as `GET api/conversation/{id}` returns it. */
export interface StoredMessage {
  id: string;
  role: string;
  content: string;
  sources: Source[];
  outcome?: string;
}

/** Time and network are values, so that tests run without waiting. */
export interface Surroundings {
  fetch: typeof fetch;
  /** Resolves after the given milliseconds, or at once when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  online(): boolean;
}

/** A Space needs up to two minutes to wake; we ask for three. */
const WAKE_LIMIT_MS = 180_000;
/** A host that never answered at all is given less time: it is more likely a wrong address than a slow start. */
const UNREACHABLE_LIMIT_MS = 30_000;
/** The server pings every 15 s; after three missed pings the connection is dead. */
const SILENCE_LIMIT_MS = 45_000;
const RESUME_TRIES = 5;
/** Longer waits than this are told to the reader instead of being waited out. */
const BUSY_LIMIT_S = 20;

/** A sleeping server must not keep the button from the page. */
const LANGUAGE_LIMIT_MS = 2000;

class Cut extends Error {}

const browser: Surroundings = {
  fetch: (...input) => fetch(...input),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    }),
  online: () => navigator.onLine !== false,
};

/** The server at one base address. Every path is relative to it, so it works under a path prefix. */
export class Client {
  readonly #base: string;
  readonly #around: Surroundings;

  constructor(base: string, around: Surroundings = browser) {
    this.#base = base && !base.endsWith('/') ? base + '/' : base;
    this.#around = around;
  }

  /**
   * Asks, and yields what happens until `done` or `error`. Stopping is `signal`: the connection closes, which is what
   * tells the server to stop the paid call. After an abort nothing more is yielded.
   */
  async *ask(question: Question, signal: AbortSignal): AsyncGenerator<Progress> {
    const { sleep, online } = this.#around;
    const seen: Seen = { started: false, ended: false };
    let waited = 0;
    let reached = false;
    for (let attempt = 0; !signal.aborted; attempt++) {
      let reason: WaitReason = 'unreachable';
      let seconds = Math.min(2 + attempt * 2, 10);
      try {
        const response = await this.#fetch('api/chat', {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
          body: JSON.stringify(question),
          signal,
        });
        if (isStream(response)) {
          yield* this.#follow(response, seen, signal);
          // Cut before the first event: nothing was said, so the question is simply asked again.
          if (seen.started || signal.aborted) return;
        }
        reached = true;
        const problem = isStream(response) ? null : await readProblem(response);
        if (!problem) reason = 'resuming';
        else if (problem.code === 'conversation_not_found' && question.conversation_id) {
          // The server has forgotten it, perhaps with its disk: the question begins a new one.
          question = { ...question, conversation_id: undefined };
          continue;
        } else if (problem.code === 'starting') {
          reason = 'starting';
          seconds = problem.retry_after ?? Math.min(2 + attempt, 5);
        } else if (problem.status === 429 && (problem.retry_after ?? 5) <= BUSY_LIMIT_S && attempt < 4) {
          reason = 'busy';
          seconds = problem.retry_after ?? 5;
        } else {
          yield { type: 'error', code: problem.code, message: problem.message, retry_after: problem.retry_after };
          return;
        }
      } catch {
        if (signal.aborted) return;
        if (!online()) reason = 'offline';
      }
      if (waited >= (reached ? WAKE_LIMIT_MS : UNREACHABLE_LIMIT_MS) && reason !== 'offline') {
        yield { type: 'error', code: 'unreachable', message: '' };
        return;
      }
      yield { type: 'waiting', reason, seconds };
      // Offline costs no patience: it may last as long as a train ride.
      if (reason !== 'offline') waited += seconds * 1000;
      await sleep(reason === 'offline' ? 1000 : seconds * 1000, signal);
    }
  }

  /** The messages of a conversation, oldest first, or `null` when it is gone or cannot be read now. */
  async conversation(id: string, signal: AbortSignal): Promise<StoredMessage[] | null> {
    try {
      const response = await this.#fetch(`api/conversation/${encodeURIComponent(id)}`, { signal });
      if (!response.ok) return null;
      const body = (await response.json()) as { messages?: unknown };
      return (Array.isArray(body.messages) ? body.messages : []).map((raw: Record<string, unknown>) => ({
        id: String(raw?.id ?? ''),
        role: raw?.role === 'user' ? 'user' : 'assistant',
        content: typeof raw?.content === 'string' ? raw.content : '',
        sources: readSources(raw?.sources),
        outcome: typeof raw?.outcome === 'string' ? raw.outcome : undefined,
      }));
    } catch {
      return null;
    }
  }

  /** Sends a reader's verdict. A failure is returned, not thrown: thanks are only shown when it arrived. */
  async feedback(verdict: { message_id: string; helpful: boolean; reason?: string; note?: string }, signal: AbortSignal): Promise<boolean> {
    try {
      const response = await this.#fetch('api/feedback', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(verdict),
        signal,
      });
      return response.ok;
    } catch {
      return false;
    }
  }

  /** The widget's words in other languages, or `null` when they do not come in time: then English must do. */
  async languages(signal: AbortSignal): Promise<Record<string, Record<string, string>> | null> {
    try {
      const response = await this.#fetch('widget-languages.json', { cache: 'default', signal: AbortSignal.any([signal, AbortSignal.timeout(LANGUAGE_LIMIT_MS)]) });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    // No cookie ever travels: the conversation id is the only key, and it is in the body.
    return this.#around.fetch(this.#base + path, { credentials: 'omit', cache: 'no-store', ...init });
  }

  /** Reads a stream to its end and, when it is cut, goes on from the last event seen. */
  async *#follow(response: Response, seen: Seen, signal: AbortSignal): AsyncGenerator<Progress> {
    let tries = 0;
    for (;;) {
      const before = seen.lastId;
      try {
        if (response.body) yield* read(response.body, seen, signal);
      } catch {
        // A cut connection is not an outcome: fall through and resume.
      }
      if (signal.aborted || seen.ended || !seen.started) return;
      if (seen.lastId !== before) tries = 0;
      let resumed: Response | null = null;
      while (seen.messageId && !resumed && tries < RESUME_TRIES) {
        yield { type: 'waiting', reason: this.#around.online() ? 'resuming' : 'offline', seconds: 1 + tries };
        await this.#around.sleep((1 + tries) * 1000, signal);
        if (signal.aborted) return;
        if (this.#around.online()) tries++;
        try {
          const again = await this.#fetch(`api/chat/${encodeURIComponent(seen.messageId)}/events`, {
            headers: { accept: 'text/event-stream', ...(seen.lastId ? { 'last-event-id': seen.lastId } : {}) },
            signal,
          });
          if (isStream(again)) resumed = again;
          else if (again.status === 404 || again.status === 410) break;
        } catch {
          if (signal.aborted) return;
        }
      }
      if (!resumed) {
        yield { type: 'error', code: 'cut', message: '' };
        return;
      }
      response = resumed;
    }
  }
}

interface Seen {
  messageId?: string;
  lastId?: string;
  /** Whether any event arrived. */
  started: boolean;
  ended: boolean;
}

async function* read(body: ReadableStream<Uint8Array>, seen: Seen, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const reader = body.getReader();
  const decoder = new SseDecoder();
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read());
      const frames = done ? decoder.end() : decoder.push(value);
      for (const frame of frames) {
        // A resumed stream may begin with an event that we already have.
        if (frame.id !== undefined && frame.id === seen.lastId) continue;
        const event = readEvent(frame);
        // Half a frame at a cut is not JSON: its id must not count as seen.
        if (!event) continue;
        // Before an `error` the server says the same in a token without number, for pages that know only tokens.
        if (event.type === 'token' && frame.id === undefined && seen.lastId !== undefined) continue;
        seen.started = true;
        if (frame.id) seen.lastId = frame.id;
        if (event.type === 'metadata' && event.message_id) seen.messageId = event.message_id;
        if (event.type === 'done' || event.type === 'error') seen.ended = true;
        yield event;
        if (seen.ended || signal.aborted) return;
      }
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function withinSilence<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Cut()), SILENCE_LIMIT_MS);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

const isStream = (response: Response): boolean =>
  response.ok && (response.headers.get('content-type') ?? '').startsWith('text/event-stream');

/**
 * What a reply that is not a stream means. A page instead of JSON is what a host shows while it wakes a sleeping
 * Space, whatever its status, so it counts as `starting`.
 */
async function readProblem(response: Response): Promise<{ status: number; code: string; message: string; retry_after?: number }> {
  const { status } = response;
  const after = Number.parseFloat(response.headers.get('retry-after') ?? '');
  const retry_after = Number.isFinite(after) && after >= 0 ? after : undefined;
  let body: Record<string, unknown> | null = null;
  try {
    body = await response.json();
  } catch {
    // Not JSON: handled below.
  }
  if (!body || typeof body !== 'object') {
    const fault = status >= 400 && status < 500 && status !== 404;
    return { status, code: fault ? `http_${status}` : 'starting', message: '', retry_after };
  }
  const said = (key: string): string => (typeof body[key] === 'string' ? (body[key] as string) : '');
  const starting = status === 503 && (said('code') === 'starting' || said('status') === 'starting');
  return { status, code: starting ? 'starting' : said('code') || `http_${status}`, message: said('detail') || said('message') || said('title'), retry_after };
}
