// What the browser remembers between pages: the conversation's id, for this tab and for a later visit, and
// whether the panel was open. Nothing else is kept, and a browser that refuses storage costs only the memory.

/** A visit's conversation is offered again for this long. */
const LAST_MS = 30 * 24 * 3600 * 1000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}

/** Conversation ids by server. Stored values are hostile input: only a UUID is ever returned. */
export class Memory {
  readonly #key: string;

  constructor(server: string) {
    this.#key = 'docent:' + server;
  }

  /** The conversation of this tab: shown again without asking. */
  current(): string | null {
    const id = attempt(() => sessionStorage.getItem(this.#key));
    return id && UUID.test(id) ? id : null;
  }

  /** The conversation of an earlier visit: offered, not forced. */
  last(): string | null {
    const [id, time] = (attempt(() => localStorage.getItem(this.#key)) ?? '').split(' ');
    return id && UUID.test(id) && Date.now() - Number(time) < LAST_MS ? id : null;
  }

  /** Whether the panel was open in this tab: it stays open when a site without client-side navigation loads a page. */
  get open(): boolean {
    return attempt(() => sessionStorage.getItem(this.#key + '#open')) === '1';
  }

  set open(open: boolean) {
    attempt(() => sessionStorage.setItem(this.#key + '#open', open ? '1' : ''));
  }

  remember(id: string): void {
    attempt(() => sessionStorage.setItem(this.#key, id));
    attempt(() => localStorage.setItem(this.#key, `${id} ${Date.now()}`));
  }

  /** A new conversation begins; the old one is still offered on a later visit unless `wholly`. */
  forget(wholly = false): void {
    attempt(() => sessionStorage.removeItem(this.#key));
    if (wholly) attempt(() => localStorage.removeItem(this.#key));
  }
}
