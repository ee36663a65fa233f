// Tells the chat on the hosted page which book it speaks for and what that is about, and shows the line that puts it on
// another site. The server writes both into meta elements, so that the page needs no inline script.

for (const name of ['book', 'topics']) {
  const value = document.querySelector(`meta[name="docent-${name}"]`)?.content.trim();
  if (value && !value.startsWith('{{')) document.querySelector('docent-chat').setAttribute(name, value);
}

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
