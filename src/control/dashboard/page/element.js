// Elements: making them, and changing what is on the page into what should be there without touching what is equal. Text is only ever
// text (E34): nothing here, or anywhere in these files, reads markup.

const SVG = "http://www.w3.org/2000/svg";

// What would act on a terminal or turn the direction of a line is shown as a number.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const LONGEST = 2000;

const shown = (text) => text.replace(HIDDEN, (one) => (one === "\n" ? "⏎" : `\\u{${one.codePointAt(0).toString(16)}}`));

export const plain = (text) => shown(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : shown(String(value)));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : plain(String(child)));
  }
  return element;
}

// `h("p", { class: "x" }, "text", h("b", {}, "more"))`
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);
const alike = (old, fresh) => old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

// What people do to an element is theirs.
const KEPT = { DETAILS: ["open"], SELECT: [] };

function attributes(old, fresh) {
  const kept = KEPT[old.nodeName] ?? [];
  for (const { name, value } of [...fresh.attributes]) {
    if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!kept.includes(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  attributes(old, fresh);
  show(old, [...fresh.childNodes]);
}

// Makes the children of an element these; what is alike stays, with its focus, its selection and its scroll.
export function show(parent, ...nodes) {
  const wanted = nodes
    .flat(Infinity)
    .filter((node) => node !== null && node !== undefined && node !== false && node !== "")
    .map((node) => (node instanceof Node ? node : document.createTextNode(plain(String(node)))));
  const keyed = new Map([...parent.childNodes].filter((node) => keyOf(node) !== null).map((node) => [keyOf(node), node]));
  let place = parent.firstChild;
  for (const fresh of wanted) {
    const known = keyOf(fresh) === null ? place : keyed.get(keyOf(fresh));
    if (known && alike(known, fresh)) {
      morph(known, fresh);
      if (known === place) place = place.nextSibling;
      else parent.insertBefore(known, place);
    } else {
      parent.insertBefore(fresh, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

const MARKS = {
  well: "M3.5 8.5l3 3 6-7",
  look: "M8 3v6.2M8 12.2v.6",
  bad: "M4 4l8 8M12 4l-8 8",
  busy: "M3 8h9M8.5 4.5L12 8l-3.5 3.5",
  quiet: "M4 8h8",
  asleep: "M5 4.5h6L5 11.5h6",
  back: "M12.5 8H4M7.5 4.5L4 8l3.5 3.5",
  pending: "M8 7.6v.8",
};

// A sign with a shape of its own for each meaning; what it means stands in words beside it.
export const mark = (kind) =>
  s("svg", { class: `mark ${kind}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: MARKS[kind] ?? MARKS.look }));

// A side: a disc for blue, a rhombus for green, a square for what has one side only; and its name.
export function side(slot, ...more) {
  const shapes = {
    blue: () => s("circle", { cx: 6, cy: 6, r: 5 }),
    green: () => s("path", { d: "M6 .2L11.8 6 6 11.8.2 6z" }),
    upstream: () => s("path", { d: "M1.2 1.2h9.6v9.6H1.2z" }),
  };
  const shape = (shapes[slot] ?? shapes.upstream)();
  return h(
    "span",
    { class: `side ${slot}` },
    s("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, shape),
    slot === "upstream" ? (more.length ? null : "one side") : slot,
    more.length ? [" ", more] : null,
  );
}
