// A loader for `widget.mjs`: puts a locale's words in the place of the English ones, so that the lazy chunk carries no
// language but the site's and the main bundle none.

const languages = require('./languages.json');

/** A language's words as the widget carries them. */
const carried = (language) => JSON.stringify([language, ...languages[language]]);

/** The language of `languages.json` that a locale such as `de-AT` speaks; English if there is none. */
function languageOf(locale) {
  const language = locale.toLowerCase().split(/[-_]/)[0];
  return Object.hasOwn(languages, language) ? language : 'en';
}

module.exports = function words(source) {
  const parts = source.split(carried('en'));
  if (parts.length !== 2) throw new Error('docusaurus-plugin-docent: widget.mjs and languages.json are of different versions');
  return parts.join(carried(this.getOptions().language));
};
module.exports.languageOf = languageOf;
