// Tells the chat on the hosted page which book it speaks for, and shows the line that puts it on another site. The
// server writes the title into a meta element, so that the page needs no inline script.

const book = document.querySelector('meta[name="docent-book"]')?.content.trim() ?? '';
if (book && !book.startsWith('{{')) document.querySelector('docent-chat').setAttribute('book', book);

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
