// What the browser remembers between pages: the conversation's id, for this tab and for a later visit, and
// whether the panel was open. Nothing else is kept, and a browser that refuses storage costs only the memory.

/** A visit's conversation is offered again for this long. */
const LAST_MS = 30 * 24 * 3600 * 1000;
const UUID = /^[\da-f-]{36}$/i;

/** Conversation ids by server. Stored values are hostile input: only a UUID is ever returned. */
export type Memory = ReturnType<typeof openMemory>;

export function openMemory(server: string) {
  /** Reads a value, or writes it when one is given. */
  const kept = (storage: 'sessionStorage' | 'localStorage', suffix: string, value?: string): string => {
    const key = 'docent:' + server + suffix;
    try {
      if (value === undefined) return globalThis[storage].getItem(key) ?? '';
      globalThis[storage].setItem(key, value);
    } catch {
      // Refused: nothing is remembered.
    }
    return '';
  };
  const uuid = (id: string | undefined): string | null => (UUID.test(id!) ? id! : null);
  return {
    /** The conversation of this tab: shown again without asking. */
    current: () => uuid(kept('sessionStorage', '')),
    /** The conversation of an earlier visit: offered, not forced. */
    last(): string | null {
      const [id, time] = kept('localStorage', '').split(' ');
      return Date.now() - Number(time) < LAST_MS ? uuid(id) : null;
    },
    /** Whether the panel was open in this tab: it stays open when a site without client-side navigation loads a page. */
    wasOpen: () => kept('sessionStorage', '#open') === '1',
    /** Remembers whether the panel is open. */
    opened: (open: boolean) => kept('sessionStorage', '#open', open ? '1' : ''),
    /** The conversation that goes on; without one, the last is neither shown nor offered again. */
    remember(id = ''): void {
      kept('sessionStorage', '', id);
      kept('localStorage', '', id && `${id} ${Date.now()}`);
    },
  };
}
