// Asks the server and keeps asking until there is an answer or a reason: waits while a Space wakes or the reader is
// offline, and takes up a cut stream where it broke. Knows no DOM; what happens is told as a stream of `Progress`.

import { list, readEvent, readSources, sseDecoder, text, texts, type ChatEvent, type Source } from './transcript.ts';

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

/** What the reader's side shows while an answer comes. */
export type Progress = ChatEvent | { type: 'waiting'; reason: WaitReason; seconds: number };

/** A message as `GET api/conversation/{id}` returns it. */
export interface StoredMessage {
  id: string;
  role: string;
  content: string;
  sources: Source[];
  outcome?: string;
}

/** A reader's verdict, as `POST api/feedback` takes it. */
export interface Verdict {
  message_id: string;
  helpful: boolean;
  reason?: string;
  note?: string;
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
/** Names what the language files hold, so that browsers may keep them for good; the build puts it in. */
declare const WORDS_VERSION: string;

const browser: Surroundings = {
  fetch: (...input) => fetch(...input),
  sleep: (milliseconds, signal) =>
    new Promise<any>((resolve) => {
      setTimeout(resolve, milliseconds);
      signal.addEventListener('abort', resolve);
    }),
  online: () => navigator.onLine,
};

/** The server at one base address. */
export type Client = ReturnType<typeof openClient>;

/** Speaks with a server. Every path is relative to its base address, so it works under a path prefix. */
export function openClient(base: string, { fetch, sleep, online }: Surroundings = browser) {
  // No cookie ever travels: the conversation id is the only key, and it is in the body.
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(base.replace(/[^/]$/, '$&/') + path, { credentials: 'omit', cache: 'no-store', ...init });

  const post = (path: string, body: unknown, signal: AbortSignal): Promise<Response> =>
    get(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal });

  /** What stands at an address, or `null` when it cannot be had. */
  const json = (path: string, init: RequestInit): Promise<any> =>
    get(path, init).then((response) => (response.ok ? response.json() : null)).catch(() => null);

  return {
    /**
     * Asks, and yields what happens until `done` or `error`. Stopping is `signal`: the connection closes, which is what
     * tells the server to stop the paid call. After an abort nothing more is yielded.
     */
    async *ask(question: Question, signal: AbortSignal): AsyncGenerator<Progress> {
      const seen: Seen = {};
      let waited = 0;
      let limit = UNREACHABLE_LIMIT_MS;
      for (let attempt = 0; !signal.aborted; ) {
        let reason: WaitReason = 'unreachable';
        let seconds = Math.min(2 + attempt, 5);
        let gone = false;
        try {
          const { message, last } = seen;
          const response = message
            ? await get(`api/chat/${message}/events`, { headers: last ? { 'last-event-id': last } : {}, signal })
            : await post('api/chat', question, signal);
          limit = WAKE_LIMIT_MS;
          const { ok, status, headers } = response;
          if (ok && /^text\/event-stream/.test(headers.get('content-type')!)) {
            // Cut before the first event, nothing was said: the question is simply asked again.
            reason = 'resuming';
            try {
              yield* read(response, seen, signal);
            } finally {
              if (seen.last !== last) attempt = 0;
            }
            if (seen.ended) return;
          } else if (message) gone = status === 404;
          else {
            const body = await response.json().catch(() => null);
            signal.throwIfAborted();
            const wait = parseInt(headers.get('retry-after')!);
            if (wait >= 0) seconds = wait;
            if (body?.code === 'conversation_not_found' && question.conversation_id) {
              // The server has forgotten it, perhaps with its disk: the question begins a new one.
              question = { ...question, conversation_id: undefined };
              continue;
            }
            // A page instead of JSON is what a host shows while it wakes a sleeping Space, whatever its status.
            if (body ? body.code === 'starting' : status < 400 || status === 404 || status > 499) reason = 'starting';
            else if (status === 429 && seconds <= BUSY_LIMIT_S && attempt < 4) reason = 'busy';
            else {
              yield { type: 'error', code: text(body?.code) || `http_${status}`, message: text(body?.detail) };
              return;
            }
          }
        } catch {
          // A cut connection is not an outcome.
        }
        if (signal.aborted) return;
        if (seen.started) {
          reason = 'resuming';
          seconds = 1 + attempt;
          gone ||= !seen.message || attempt >= RESUME_TRIES;
        }
        if (!online()) {
          // Offline costs no patience: it may last as long as a train ride.
          reason = 'offline';
          seconds = 1;
        } else if (gone || waited >= limit) {
          yield { type: 'error', code: gone ? 'cut' : 'unreachable' };
          return;
        } else {
          attempt++;
          if (!seen.started) waited += seconds * 1000;
        }
        yield { type: 'waiting', reason, seconds };
        await sleep(seconds * 1000, signal);
      }
    },

    /** The messages of a conversation, oldest first, or `null` when it is gone or cannot be read now. */
    async conversation(id: string, signal: AbortSignal): Promise<StoredMessage[] | null> {
      const body = await json(`api/conversation/${id}`, { signal });
      return body && list(body.messages).map((raw) => ({ ...texts(raw, 'id role content outcome'), sources: readSources(raw?.sources) }));
    },

    /** Sends a reader's verdict. A failure is returned, not thrown: thanks are only shown when it arrived. */
    feedback: (verdict: Verdict, signal: AbortSignal): Promise<boolean> =>
      post('api/feedback', verdict, signal).then(({ ok }) => ok, () => false),

    /** A language's words, or `null` when they do not come in time: then English must do. */
    words: (language: string): Promise<unknown> =>
      json(`widget.${language}.json?v=${WORDS_VERSION}`, { cache: 'default', signal: AbortSignal.timeout(LANGUAGE_LIMIT_MS) }),
  };
}

/** What of an answer has arrived: its message's id and the number of its last event. */
interface Seen {
  message?: string;
  last?: string;
  /** Whether any event arrived. */
  started?: boolean;
  ended?: boolean;
}

async function* read(response: Response, seen: Seen, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const reader = response.body!.getReader();
  const decode = sseDecoder();
  const cancel = (): void => void reader.cancel().catch(() => {});
  try {
    for (let over = false; !over;) {
      // A silent connection is dead: it ends like one that was cut.
      const timer = setTimeout(cancel, SILENCE_LIMIT_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      over = done;
      for (const frame of decode(value)) {
        const event = readEvent(frame);
        // A resumed stream may begin with an event that we already have. Half a frame at a cut is not JSON: its id must
        // not count as seen. Before an `error` the server says the same in a token without number, for older pages.
        if (!event || (seen.last && (frame.id === seen.last || (event.type === 'token' && !frame.id)))) continue;
        seen.started = true;
        seen.last = frame.id || seen.last;
        seen.message = event.message_id || seen.message;
        seen.ended = event.type === 'done' || event.type === 'error';
        if (signal.aborted) return;
        yield event;
        if (seen.ended) return;
      }
    }
  } finally {
    cancel();
  }
}
