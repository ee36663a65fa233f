// The plugin's options: what is taken, and what a wrong one says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import options from '../options.js';

const production = { NODE_ENV: 'production' };
const read = (given, environment = {}) => options.readOptions(given, environment);

const SERVERS = [
  ['the option is used', { server: 'https://a.hf.space/' }, production, 'https://a.hf.space'],
  ['the option wins over the environment', { server: 'https://a.hf.space' }, { ...production, REACT_APP_API_BASE_URL: 'https://b.hf.space' }, 'https://a.hf.space'],
  ['the environment stands in', {}, { ...production, REACT_APP_API_BASE_URL: ' "https://b.hf.space/" ' }, 'https://b.hf.space'],
  ['while developing, the local server stands in', {}, { NODE_ENV: 'development' }, 'http://localhost:7860'],
  ['a slash means the site itself', { server: '/' }, production, '/'],
  ['a path under the site', { server: '/ask/' }, production, '/ask'],
  ['a build on one\'s own machine may use it', { server: 'http://localhost:7860' }, production, 'http://localhost:7860'],
];
for (const [name, given, environment, expected] of SERVERS) test(name, () => assert.equal(read(given, environment).server, expected));

const REFUSED = [
  ['no server in production', {}, production, /server is missing.*REACT_APP_API_BASE_URL=/s],
  ['an empty option counts as missing', { server: ' ' }, production, /server is missing/],
  ['no scheme', { server: 'a.hf.space' }, production, /'a\.hf\.space', which is not an address: it needs https:\/\//],
  ['no scheme, from the environment', {}, { ...production, REACT_APP_API_BASE_URL: 'a.hf.space' }, /REACT_APP_API_BASE_URL is 'a\.hf\.space'/],
  ['plain http', { server: 'http://a.hf.space' }, production, /cannot call http/],
  ['another scheme', { server: 'ftp://a.hf.space' }, production, /must begin with https/],
  ['a password', { server: 'https://u:p@a.hf.space' }, production, /password/],
  ['a query', { server: 'https://a.hf.space/?k=1' }, production, /\? or # part/],
  ['localhost on Vercel', { server: 'http://localhost:7860' }, { ...production, VERCEL_ENV: 'production' }, /no Docent on their own machine/],
  ['an unknown option', { sever: 'x' }, {}, /option 'sever' is unknown; there are .*server/],
  ['a long hotkey', { hotkey: 'ctrl+i' }, {}, /hotkey must be one letter/],
  ['six examples', { examples: ['1', '2', '3', '4', '5', '6'] }, {}, /examples must be a list of up to five/],
  ['an unknown theme', { theme: 'blue' }, {}, /theme must be 'auto', 'light' or 'dark', not "blue"/],
  ['a number for a text', { texts: { ask: 1 } }, {}, /texts must be an object of texts/],
];
for (const [name, given, environment, message] of REFUSED) test(`${name} is refused`, () => assert.throws(() => read(given, environment), { name: 'OptionError', message }));
