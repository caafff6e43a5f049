// Makes elements. Text from records and plugins goes in as text nodes and attributes only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, react] of Object.entries(value)) node.addEventListener(event, react);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);
const byId = (id) => document.getElementById(id);
const hidden = (text) => h("span", { class: "hidden" }, text);

/** A link to an address that a plugin names; anything but the web stays text. */
function outward(address, text) {
  if (!/^https?:\/\//i.test(address ?? "")) return address ? h("span", {}, address) : null;
  return h("a", { href: address, rel: "noopener noreferrer" }, text ?? address);
}

/** A definition list of those facts that are known. */
function facts(pairs, name = "facts") {
  const known = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return known.length ? h("dl", { class: name }, known.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)))) : null;
}

/** A text to copy, with a button that says what happened. */
function copyable(text, what) {
  const code = h("pre", { tabindex: "0" }, h("code", {}, text));
  const button = h("button", { type: "button", class: "copy" }, "Copy", hidden(` ${what}`));
  button.addEventListener("click", async () => {
    const done = await copyText(text, code);
    button.firstChild.textContent = done ? "Copied" : "Marked: press Ctrl+C";
    say(done ? `Copied ${what}` : `${what} is marked for copying`);
    setTimeout(() => { button.firstChild.textContent = "Copy"; }, 2500);
  });
  return h("div", { class: "copyable" }, code, button);
}

async function copyText(text, node) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // no permission, or an old browser: mark it, so that the user can copy it
    const range = document.createRange();
    range.selectNodeContents(node);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return false;
  }
}

/** Tells readers of the screen what changed. */
function say(text) {
  byId("live").textContent = text;
}

/** A labelled list to choose from: options are [value, text] or {group, options}. */
function select(label, options, value, change) {
  const option = ([own, text]) => h("option", { value: own, selected: own === value }, text);
  const list = h("select", { on: { change: (event) => change(event.target.value) } },
    options.map((one) => (one.group ? h("optgroup", { label: one.group }, one.options.map(option)) : option(one))));
  return h("label", {}, h("span", {}, label), list);
}

function checkbox(label, checked, change) {
  return h("label", { class: "check" },
    h("input", { type: "checkbox", checked, on: { change: (event) => change(event.target.checked) } }), h("span", {}, label));
}

/** Draws the fields of a form anew, and leaves the focus in the one that had it. */
function keepFocus(form, draw) {
  const name = form.contains(document.activeElement) ? document.activeElement.name : "";
  draw();
  if (name) [...form.elements].find((field) => field.name === name)?.focus();
}

/** Gives the user a file that the page makes itself. */
function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
