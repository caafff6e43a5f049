// Tables that can be sorted, walked through with arrow keys, and exported; rows beyond the first come when they are needed.

const BATCH = 150;
/** The table in view that has rows still to be drawn, or null: one at a time watches how far it is scrolled. */
let growing = null;
addEventListener("beforeprint", () => growing?.rest());
addEventListener("resize", () => document.querySelectorAll("main .box").forEach(keepClear));

/**
 * Makes a table in a box that scrolls.
 *
 * A column has key, title (text), head (nodes, if they differ), numeric, value(row) to sort by (null comes last),
 * cell(row) and csv, a list of [name, (row) => value]. What can be pressed in a cell has the class "go".
 */
function makeTable({ label, columns, rows, sort, onSort, empty = "Nothing fits the filters." }) {
  const order = sorted(rows, columns, sort);
  const heads = columns.map((column) => headOf(column, sort, onSort));
  const body = h("tbody");
  const table = h("table", { role: "grid", "aria-rowcount": String(rows.length + 1) },
    h("caption", { class: "hidden" }, label), h("thead", {}, h("tr", {}, heads)), body);
  const box = h("div", { class: "box", role: "region", "aria-label": label, tabindex: "0" }, table);
  const show = (to) => {
    const from = body.rows.length;
    body.append(...order.slice(from, to).map((row, at) => rowOf(row, columns, from + at + 2)));
    if (!from) body.querySelector(".go")?.setAttribute("tabindex", "0");
  };
  stopGrowing();
  show(BATCH);
  body.addEventListener("keydown", walk);
  if (!rows.length) return { box: h("p", { class: "empty" }, empty), order };
  return { box: rows.length > BATCH ? grow(box, body, rows.length, show) : box, order };
}

/** Draws further rows of a table before the end of its box is seen; returns the box with a button that draws all. */
function grow(box, body, many, show) {
  const end = h("div");
  const more = h("button", { type: "button", class: "more", on: { click: () => { show(many); told(); box.focus(); } } });
  const watch = new IntersectionObserver((seen) => { if (seen.at(-1).isIntersecting) next(); }, { root: box, rootMargin: "600px 100000px" });
  const told = () => {
    more.textContent = `Show all ${many.toLocaleString("en")} rows; ${body.rows.length} are shown`;
    if (body.rows.length < many) return true;
    watch.disconnect();
    more.remove();
    return false;
  };
  const next = () => {
    if (body.rows.length >= many) return false;
    show(body.rows.length + BATCH);
    watch.unobserve(end);
    if (told()) watch.observe(end); // anew: it tells at once where the end is now
    return true;
  };
  box.append(end);
  told();
  watch.observe(end);
  growing = { body, next, rest: () => { show(many); told(); }, stop: () => watch.disconnect() };
  return h("div", {}, box, more);
}

function stopGrowing() {
  growing?.stop();
  growing = null;
}

/** Puts a table in the place of an older one, scrolled as that was. */
function replaceTable(place, box) {
  const across = place.querySelector(".box")?.scrollLeft ?? 0;
  place.replaceChildren(box);
  const now = place.querySelector(".box");
  if (!now) return;
  now.scrollLeft = across;
  keepClear(now);
}

/** Keeps what gets the focus from lying under the head of its table. */
function keepClear(box) {
  const head = box.querySelector("thead");
  if (head) box.style.scrollPaddingTop = `${head.offsetHeight}px`;
}

/** Focuses the head of a column. */
function focusHead(key) {
  [...byId("main").querySelectorAll("thead th")].find((head) => head.dataset.key === key)?.querySelector("button").focus();
}

function headOf(column, sort, onSort) {
  const own = sort.key === column.key;
  const next = own ? (sort.down ? "up" : "down") : column.numeric ? "down" : "up";
  const mark = own ? (sort.down ? "▼" : "▲") : "";
  const button = h("button", { type: "button", title: `${column.title}: sort ${next === "down" ? "largest first" : "smallest first"}`,
    on: { click: () => onSort(column.key, next) } }, column.head ?? column.title, h("span", { class: "mark", "aria-hidden": "true" }, mark));
  return h("th", { scope: "col", class: column.class ?? (column.numeric ? "num" : ""), "data-key": column.key,
    "aria-sort": own ? (sort.down ? "descending" : "ascending") : "none" }, button);
}

function rowOf(row, columns, index) {
  return h("tr", { "aria-rowindex": index }, columns.map((column, at) => {
    const inside = column.cell(row);
    const kind = column.class ?? (column.numeric ? "num" : "");
    return at ? h("td", { class: kind }, inside) : h("th", { scope: "row", class: kind }, inside);
  }));
}

const compareText = new Intl.Collator("en", { numeric: true }).compare;

/** Rows in order; those without a value are last, whichever way the others go. */
function sorted(rows, columns, sort) {
  const column = columns.find((one) => one.key === sort.key);
  if (!column) return rows;
  const keyed = rows.map((row) => [column.value(row) ?? null, row]);
  const way = sort.down ? -1 : 1;
  keyed.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return way * (typeof a === "number" && typeof b === "number" ? a - b : compareText(String(a), String(b)));
  });
  return keyed.map(([, row]) => row);
}

/** Arrow keys, Home and End move between what can be pressed in a table; Tab enters and leaves it. */
function walk(event) {
  const from = event.target.closest(".go");
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] };
  const step = steps[event.key];
  if (!from || !step) return;
  const cell = from.closest("td, th");
  const body = cell.closest("tbody");
  let to = step[0] ? vertical(body, cell, step[0]) : horizontal(cell, step[1]);
  while (!to && step[0] > 0 && growing?.body === body && growing.next()) to = vertical(body, cell, step[0]);
  event.preventDefault();
  if (!to) return;
  for (const one of body.querySelectorAll('.go[tabindex="0"]')) one.setAttribute("tabindex", "-1");
  to.setAttribute("tabindex", "0");
  to.focus();
  const box = body.closest(".box");
  const under = to.closest("tr").cells[0].getBoundingClientRect().right - to.closest("td, th").getBoundingClientRect().left;
  if (to.closest("td") && under > 0) box.scrollLeft -= under; // from under the first column, which stays
}

function horizontal(cell, step) {
  const all = [...cell.parentElement.querySelectorAll(".go")];
  const at = all.findIndex((one) => cell.contains(one));
  return all[Math.max(0, Math.min(all.length - 1, at + step))];
}

function vertical(body, cell, step) {
  for (let at = cell.parentElement.sectionRowIndex + step; at >= 0 && at < body.rows.length; at += step) {
    const found = body.rows[at].cells[cell.cellIndex]?.querySelector(".go");
    if (found) return found;
  }
  return null;
}

/** A table as CSV by RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe. */
function csvOf(columns, rows) {
  const fields = columns.flatMap((column) => column.csv ?? [[column.title, column.value]]);
  const quoted = (value) => {
    if (value === null || value === undefined) return "";
    const shown = typeof value === "string" && /^[=+@\t\r-]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
  };
  const lines = [fields.map(([name]) => quoted(name)), ...rows.map((row) => fields.map(([, read]) => quoted(read(row))))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}
