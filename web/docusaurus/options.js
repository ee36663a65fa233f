// Checks the plugin's options while the site is built, in Node, and finds the server's address. A wrong option stops the
// build with a sentence that says what was expected and how to set it.

/** Where `docusaurus start` looks for Docent when nothing is set. */
const LOCAL = 'http://localhost:7860';

const HOW = `Set it in docusaurus.config.js:
  plugins: [['docusaurus-plugin-docent', { server: 'https://OWNER-SPACE.hf.space' }]]
or in the environment of the build:
  REACT_APP_API_BASE_URL=https://OWNER-SPACE.hf.space npm run build
(on Vercel: Project Settings > Environment Variables, for Production and Preview, then a new deployment).
Use server: '/' when Docent answers under the site's own address.`;

class OptionError extends Error {
  constructor(option, problem) {
    super(`docusaurus-plugin-docent: ${option} ${problem}`);
    this.name = 'OptionError';
  }
}

const isText = (value) => typeof value === 'string' && value.trim() !== '';
const isTexts = (most) => (value) => Array.isArray(value) && value.length <= most && value.every(isText);

/** What each option must be: its test and the words for it. */
const OPTIONS = {
  id: [isText, 'must be a text'],
  server: [(value) => typeof value === 'string', 'must be an address such as https://OWNER-SPACE.hf.space'],
  book: [isText, 'must be the title of the book'],
  label: [isText, 'must be the words on the button'],
  hotkey: [(value) => value === 'none' || /^[a-z]$/.test(value), "must be one letter from a to z (pressed with Ctrl or Cmd) or 'none'"],
  examples: [isTexts(5), 'must be a list of up to five questions'],
  selection: [(value) => typeof value === 'boolean' || isText(value), 'must be true, false or a CSS selector of the article'],
  theme: [(value) => ['auto', 'light', 'dark'].includes(value), "must be 'auto', 'light' or 'dark'"],
  texts: [(value) => value && typeof value === 'object' && Object.values(value).every((text) => typeof text === 'string'), 'must be an object of texts'],
};

/** The server's address without a trailing slash, `/` for the site's own. Throws when it cannot work. */
function serverAddress(given, environment) {
  const production = environment.NODE_ENV === 'production';
  const fromEnvironment = (environment.REACT_APP_API_BASE_URL ?? '').trim().replace(/^(['"])(.*)\1$/, '$2');
  const name = given?.trim() ? 'server' : 'REACT_APP_API_BASE_URL';
  const address = given?.trim() || fromEnvironment;
  if (!address) {
    if (!production) return LOCAL;
    throw new OptionError('server', `is missing: the site would not know where Docent runs.\n${HOW}`);
  }
  if (/^\/(?!\/)/.test(address)) return address.replace(/\/+$/, '') || '/';
  let url;
  try {
    url = new URL(address);
  } catch {
    throw new OptionError(name, `is '${address}', which is not an address: it needs https:// in front.\n${HOW}`);
  }
  const local = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (!/^https?:$/.test(url.protocol)) throw new OptionError(name, `must begin with https://, not ${url.protocol}//`);
  if (url.username || url.password) throw new OptionError(name, 'must not hold a password: every reader can see it');
  if (url.search || url.hash) throw new OptionError(name, 'must not have a ? or # part');
  if (url.protocol === 'http:' && !local && production) throw new OptionError(name, `is ${address}: an https site cannot call http. Use https://.`);
  if (local && environment.VERCEL_ENV === 'production') throw new OptionError(name, `is ${address}: readers have no Docent on their own machine.\n${HOW}`);
  return url.href.replace(/\/+$/, '');
}

/** Checks options and gives them their defaults. `environment` is `process.env`. */
function readOptions(options, environment) {
  for (const [name, value] of Object.entries(options)) {
    if (!OPTIONS[name]) throw new OptionError(`option '${name}'`, `is unknown; there are ${Object.keys(OPTIONS).join(', ')}`);
    const [test, expected] = OPTIONS[name];
    if (value !== undefined && !test(value)) throw new OptionError(name, `${expected}, not ${JSON.stringify(value)}`);
  }
  return { selection: true, theme: 'auto', hotkey: 'i', ...options, id: options.id ?? 'default', server: serverAddress(options.server, environment) };
}

module.exports = { readOptions, OptionError };
