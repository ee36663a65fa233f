// Just enough of a document for the renderer in Node: elements, text, attributes, and printing as HTML. It parses
// nothing, so whatever the renderer wants to show must be built as nodes.

class FakeNode {
  parent = null;
  remove() {
    const siblings = this.parent?.childNodes;
    if (siblings) siblings.splice(siblings.indexOf(this), 1);
    this.parent = null;
  }
  replaceWith(other) {
    const { parent } = this;
    parent.childNodes.splice(parent.childNodes.indexOf(this), 1, other);
    other.parent = parent;
    this.parent = null;
  }
}

class FakeText extends FakeNode {
  constructor(data) {
    super();
    this.data = data;
  }
  appendData(text) {
    this.data += text;
  }
}

class FakeElement extends FakeNode {
  childNodes = [];
  attributes = {};
  constructor(name) {
    super();
    this.name = name;
  }
  append(...nodes) {
    for (const node of nodes) {
      const child = node instanceof FakeNode ? node : new FakeText(String(node));
      child.remove();
      child.parent = this;
      this.childNodes.push(child);
    }
  }
  set className(value) {
    this.attributes.class = value;
  }
  set style(value) {
    if (value) this.attributes.style = value;
  }
  get lastChild() {
    return this.childNodes.at(-1) ?? null;
  }
}
// Properties that are attributes of the same name.
for (const name of ['href', 'rel', 'target', 'start']) {
  Object.defineProperty(FakeElement.prototype, name, { set(value) { this.attributes[name] = String(value); } });
}

export const document = { createElement: (name) => new FakeElement(name) };

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/** An element's children as HTML. */
export function html(node) {
  return node.childNodes.map((child) => {
    if (child instanceof FakeText) return escape(child.data);
    const attributes = Object.entries(child.attributes).map(([key, value]) => ` ${key}="${escape(value)}"`).join('');
    const open = `<${child.name}${attributes}>`;
    return ['br', 'hr'].includes(child.name) ? open : `${open}${html(child)}</${child.name}>`;
  }).join('');
}

/** Every element below a node. */
export const elements = (node) => node.childNodes.flatMap((child) => (child instanceof FakeElement ? [child, ...elements(child)] : []));
