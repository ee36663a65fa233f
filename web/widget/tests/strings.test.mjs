// Every language has every word, with the same holes to fill and the same number of choices.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { load } from './modules.mjs';

const { en } = await load('en');
const { fill, isRightToLeft, names, ownLanguage, ownWords, TRANSLATED, wordsOf } = await load('strings');
const read = (path) => readFileSync(new URL('../' + path, import.meta.url), 'utf8');
const languages = JSON.parse(readFileSync(new URL('../languages.json', import.meta.url), 'utf8'));

test('the languages are those of the design', () => {
  assert.deepEqual(Object.keys(languages).sort(), ['ar', 'de', 'es', 'fr', 'ja', 'ur', 'zh']);
  for (const language of Object.keys(languages)) assert.match(language + '-XX', TRANSLATED);
  assert.match('en-GB', TRANSLATED);
  for (const other of ['it', 'eng', 'den-X']) assert.doesNotMatch(other, TRANSLATED);
});

for (const [language, words] of Object.entries(languages)) {
  test(`${language} says everything`, () => {
    assert.deepEqual(Object.keys(words).sort(), Object.keys(en).sort());
    for (const [key, value] of Object.entries(words)) {
      const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
      assert.deepEqual(holes(value), holes(en[key]), key);
      assert.equal(value.split('|').length, en[key].split('|').length, key);
    }
  });
}

test('a language file is read by place; what is no text is left out', () => {
  const words = JSON.parse(readFileSync(new URL('../dist/widget.de.json', import.meta.url), 'utf8'));
  assert.deepEqual(wordsOf(words), languages.de);
  assert.deepEqual(wordsOf(['x', 7, null, '', 'y']), { ask: 'x', send: 'y' });
  assert.deepEqual(wordsOf([...Object.values(languages.de), 'of a later version']), languages.de);
  for (const wrong of [null, 'words', { ask: 'x' }, 7]) assert.deepEqual(wordsOf(wrong), {});
});

test('a script carries one language, and reads its words as it reads a file', () => {
  assert.equal(ownLanguage, 'en');
  assert.deepEqual(names, Object.keys(en));
  assert.deepEqual(wordsOf(ownWords), en);
});

test('in every language it is the same program, only with other words', () => {
  const carried = (language) => JSON.stringify([language, ...JSON.parse(read(`dist/widget.${language}.json`))]);
  for (const [folder, ending] of [['dist/in/', ''], ['../../crates/docent/assets/widget/', read('../../crates/docent/assets/widget/head.js')]]) {
    const script = (language) => ending + read(`${folder}${language}.js`);
    for (const language of Object.keys(languages)) {
      const parts = script('en').split(carried('en'));
      assert.equal(parts.length, 2, folder);
      assert.ok(script(language) === parts.join(carried(language)), folder + language);
    }
  }
  assert.ok(read('dist/widget.js') === read('../../crates/docent/assets/widget/head.js') + read('../../crates/docent/assets/widget/en.js'));
  assert.ok(read('dist/define.js') === read('dist/in/en.js'));
});

test('right to left by language', () => assert.deepEqual(['ar', 'ur-PK', 'en', 'es', 'arn'].map(isRightToLeft), [true, true, false, false, false]));
test('a value fills the hole as it is', () => assert.equal(fill('Ask {book}.', '$& {x}'), 'Ask $& {x}.'));
