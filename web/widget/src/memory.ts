// What the browser remembers between pages: the conversation's id, for this tab and for a later visit, and
// whether the panel was open. Nothing else is kept, and a browser that refuses storage costs only the memory.

/** A visit's conversation is offered again for this long. */
const LAST_MS = 30 * 24 * 3600 * 1000;
const UUID = /^[\da-f-]{36}$/i;

/** Conversation ids by server. Stored values are hostile input: only a UUID is ever returned. */
export type Memory = ReturnType<typeof openMemory>;

export function openMemory(server: string) {
  /** Reads a value, or writes it when one is given. */
  const kept = (storage: 'session' | 'local', suffix: string, value?: string): string => {
    const key = 'docent:' + server + suffix;
    try {
      const store = globalThis[`${storage}Storage`];
      if (value === undefined) return store.getItem(key) ?? '';
      store.setItem(key, value);
    } catch {
      // Refused: nothing is remembered.
    }
    return '';
  };
  const uuid = (id: string | undefined): string | null => (UUID.test(id!) ? id! : null);
  return {
    /** The conversation of this tab: shown again without asking. */
    current: () => uuid(kept('session', '')),
    /** The conversation of an earlier visit: offered, not forced. */
    last(): string | null {
      const [id, time] = kept('local', '').split(' ');
      return Date.now() - +time! < LAST_MS ? uuid(id) : null;
    },
    /** Whether the panel was open in this tab: it stays open when a site without client-side navigation loads a page. */
    wasOpen: () => kept('session', '#open') === '1',
    /** Remembers whether the panel is open. */
    opened: (open: boolean) => kept('session', '#open', open ? '1' : ''),
    /** The conversation that goes on; without one, the last is neither shown nor offered again. */
    remember(id = ''): void {
      kept('session', '', id);
      kept('local', '', id && `${id} ${Date.now()}`);
    },
  };
}
