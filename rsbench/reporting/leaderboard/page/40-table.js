// Tables that can be sorted, walked through with arrow keys, and exported; rows beyond the first come when they are needed.

const FIRST_ROWS = 150;

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
    body.append(...order.slice(from, to).map((row) => rowOf(row, columns)));
    if (!from) body.querySelector(".go")?.setAttribute("tabindex", "0");
  };
  show(FIRST_ROWS);
  body.addEventListener("keydown", walk);
  if (!rows.length) return { box: h("p", { class: "empty" }, empty), order };
  if (rows.length <= FIRST_ROWS) return { box, order };
  const more = h("button", { type: "button", class: "more" });
  const name = () => { more.textContent = `Show all ${rows.length.toLocaleString("en")} rows; ${body.rows.length} are shown`; };
  name();
  more.addEventListener("click", () => { show(rows.length); more.remove(); });
  new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting) || !more.isConnected) return;
    show(body.rows.length + FIRST_ROWS);
    if (body.rows.length >= rows.length) more.remove();
    else name();
  }, { rootMargin: "600px" }).observe(more);
  addEventListener("beforeprint", () => { show(rows.length); more.remove(); }, { once: true });
  return { box: h("div", {}, box, more), order };
}

/** Puts a table in the place of an older one, scrolled as that was. */
function replaceTable(place, box) {
  const across = place.querySelector(".box")?.scrollLeft ?? 0;
  place.replaceChildren(box);
  const now = place.querySelector(".box");
  if (now) now.scrollLeft = across;
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

function rowOf(row, columns) {
  return h("tr", {}, columns.map((column, at) => {
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
  const to = step[0] ? vertical(body, cell, step[0]) : horizontal(cell, step[1]);
  event.preventDefault();
  if (!to) return;
  for (const one of body.querySelectorAll('.go[tabindex="0"]')) one.setAttribute("tabindex", "-1");
  to.setAttribute("tabindex", "0");
  to.focus();
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
