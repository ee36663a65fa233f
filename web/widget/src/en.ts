// Every word the widget says, in English: what the other languages of `languages.json` are held against. It is in no
// bundle itself; the build takes names and words from here.

/** The widget's words. `{x}` is replaced when shown. */
export interface Strings {
  /** Launcher and title when no book title is known. */
  ask: string;
  /** Title with the book's name. */
  askBook: string;
  close: string;
  fresh: string;
  send: string;
  stop: string;
  retry: string;
  copy: string;
  copied: string;
  placeholder: string;
  welcome: string;
  caution: string;
  you: string;
  answer: string;
  thinking: string;
  sources: string;
  followUps: string;
  starting: string;
  busy: string;
  offline: string;
  unreachable: string;
  resuming: string;
  failed: string;
  cut: string;
  stopped: string;
  good: string;
  bad: string;
  why: string;
  reasons: string;
  note: string;
  thanks: string;
  askSelection: string;
  selected: string;
  leave: string;
  shortened: string;
  resume: string;
  starters: string;
  /** A question about a heading of the book. */
  about: string;
}

export const en: Strings = {
  ask: 'Ask the book',
  askBook: 'Ask {book}',
  close: 'Close',
  fresh: 'New conversation',
  send: 'Send',
  stop: 'Stop',
  retry: 'Try again',
  copy: 'Copy',
  copied: 'Copied',
  placeholder: 'Ask a question…',
  welcome: 'What would you like to know?',
  caution: 'Answers can be wrong. Check the sources.',
  you: 'You asked',
  answer: 'Answer',
  thinking: 'Reading the book…',
  sources: 'Sources',
  followUps: 'Ask next',
  starting: 'The assistant is waking up. This can take a minute; your question will be sent.',
  busy: 'Many readers are asking right now. Trying again in {seconds} s.',
  offline: 'You are offline. Your question will be sent when you are back.',
  unreachable: 'The assistant cannot be reached. Trying again in {seconds} s.',
  resuming: 'The connection broke. Going on…',
  failed: 'Something went wrong. Your question is not lost.',
  cut: 'The answer was cut off.',
  stopped: 'Stopped.',
  good: 'Good answer',
  bad: 'Bad answer',
  why: 'What was wrong?',
  reasons: 'Wrong|Incomplete|Not what I asked|Bad source',
  note: 'Anything to add?',
  thanks: 'Thank you.',
  askSelection: 'Ask about this',
  selected: 'Only about the selected text',
  leave: 'Leave the selection',
  shortened: 'Only the first {count} characters are used.',
  resume: 'Continue the last conversation',
  starters: 'What is this book about?|Where should I start?|Which topics are covered?',
  about: 'What is “{topic}” about?',
};
