// Every language has every word, with the same holes to fill and the same number of choices.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { load } from './modules.mjs';

const { en, fill, isRightToLeft, TRANSLATED, wordsOf } = await load('strings');
const languages = JSON.parse(readFileSync(new URL('../languages.json', import.meta.url), 'utf8'));

test('the languages are those of the design', () => {
  assert.deepEqual(Object.keys(languages).sort(), ['ar', 'de', 'es', 'fr', 'ja', 'ur', 'zh']);
  for (const language of Object.keys(languages)) assert.match(language + '-XX', TRANSLATED);
  assert.doesNotMatch('en-GB', TRANSLATED);
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

test('right to left by language', () => assert.deepEqual(['ar', 'ur-PK', 'en', 'es', 'arn'].map(isRightToLeft), [true, true, false, false, false]));
test('a value fills the hole as it is', () => assert.equal(fill('Ask {book}.', '$& {x}'), 'Ask $& {x}.'));
