// Tells the chat on the hosted page which book it speaks for and what that is about, and shows the line that puts it on
// another site. The server writes both into meta elements, so that the page needs no inline script. It runs before the
// widget, which so begins with all that it has to say.

const chat = document.querySelector('docent-chat');
for (const name of ['book', 'topics']) {
  const value = document.querySelector(`meta[name="docent-${name}"]`)?.content.trim();
  if (value && !value.startsWith('{{')) chat.setAttribute(name, value);
}
// There is no site around it whose language it could follow: it speaks the reader's.
chat.lang = navigator.language;

const snippet = `<script src="${new URL('widget.js', document.baseURI).href}" defer></script>`;
document.querySelector('#snippet').textContent = snippet;
document.querySelector('#copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(snippet);
    document.querySelector('#copied').textContent = 'Copied';
  } catch {
    // No clipboard on this page: the line can still be selected.
    getSelection().selectAllChildren(document.querySelector('#snippet'));
  }
});
