// Says whether the page around the widget is dark, by the colour it really shows, and tells when that changes: a site's
// own switch and the reader's system setting both end in a background colour.

const DARK = '(prefers-color-scheme:dark)';
/** What Docusaurus and Material declare. */
const DECLARED: Record<string, boolean> = { dark: true, slate: true, light: false, default: false };

/** Whether a computed CSS colour is dark; null when it is (nearly) transparent or unreadable. */
export function isDark(color: string): boolean | null {
  const [red = 0, green = 0, blue = 0, alpha = 1] = (color.match(/[\d.]+/g) ?? []).map(Number);
  if (!/^rgba?\(/.test(color) || alpha < 0.5) return null;
  return 0.2 * red + 0.7 * green + 0.1 * blue < 110;
}

/** The page's theme now. */
export function pageIsDark(): boolean {
  const { body, documentElement } = document;
  // What the site declares is true at once; a background may still be on its way.
  const declared = documentElement.dataset.theme ?? body.dataset.mdColorScheme ?? '';
  const { backgroundColor, colorScheme } = getComputedStyle(documentElement);
  return DECLARED[declared] ?? isDark(getComputedStyle(body).backgroundColor) ?? isDark(backgroundColor) ??
    // No background at all: the canvas, which is dark only if the page says that it supports it.
    (colorScheme.includes('dark') && matchMedia(DARK).matches);
}

/** Calls `changed` when the theme may have changed, until the signal aborts. */
export function watchTheme(changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  for (const element of [document.documentElement, document.body]) observer.observe(element, { attributes: true });
  signal.addEventListener('abort', () => observer.disconnect());
  matchMedia(DARK).addEventListener('change', changed, { signal });
  // A stylesheet that comes late changes the background without any attribute.
  addEventListener('load', changed, { signal });
}
