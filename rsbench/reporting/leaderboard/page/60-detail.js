// The panel with all that is known about one cell.

const cellKey = (cell) => `${data.runs.id[cell.runs[0]]}/${cell.part}`;
const findCell = (key) => data.cells.find((cell) => cellKey(cell) === key);
let opener = null;
let afterBack = null; // what is to be done once the browser has gone back; null if it is not on its way

function openCell(cell) {
  if (afterBack) afterBack = () => openCell(cell);
  else go({ cell: cellKey(cell) }, { step: true });
}

function startPanel() {
  const panel = byId("panel");
  panel.addEventListener("close", () => {
    if (!state.cell || panel.open) return; // open: another one was opened before this was told
    if (!history.state?.step) return go({ cell: null });
    afterBack = () => {};
    return history.back(); // to the view from which it was opened, so that Back does not open it again
  });
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });
}

function drawPanel() {
  const panel = byId("panel");
  const cell = state.cell ? findCell(state.cell) : null;
  if (!cell) {
    if (panel.open) panel.close();
    const drawn = [...byId("main").querySelectorAll("[data-cell]")].find((one) => one.dataset.cell === panel.dataset.cell);
    (opener?.isConnected && opener !== document.body ? opener : drawn)?.focus();
    opener = null;
    delete panel.dataset.cell;
    return;
  }
  if (panel.dataset.cell === state.cell && panel.open) return;
  panel.dataset.cell = state.cell;
  panel.replaceChildren(...cellDetail(cell));
  if (!panel.open) {
    opener = document.activeElement;
    panel.showModal();
  }
  panel.scrollTop = 0;
}

function cellDetail(cell) {
  const place = data.places[cell.place];
  const about = data.subjects[cell.subject];
  const column = columnOf(cell.place, cell);
  const metric = cell.names.includes(column.metric) ? column.metric : cell.metric;
  const choose = (other) => { go({ cell: cellKey(other) }); byId("panel").querySelector(".parts [aria-current]")?.focus(); };
  const runs = cell.runs.map(run);
  const words = placeWords(place);
  const parts = (cellsOf[cell.place].get(cell.subject) ?? []).filter((other) => other.part);
  return [
    h("div", { class: "bar" },
      h("div", {}, h("h2", { id: "panel-title" }, shownName(about)),
        h("p", {}, [place.title, words.protocol, words.split, cell.part, cell.size === null ? "" : `${cell.size} px`].filter(Boolean).join(" · "))),
      h("button", { type: "button", autofocus: true, on: { click: () => byId("panel").close() } }, "Close")),
    parts.length > 1 ? h("p", { class: "parts" }, "Part: ", parts.map((other) =>
      h("button", { type: "button", class: "link", "aria-current": other === cell ? "true" : null, on: { click: () => choose(other) } }, other.part))) : "",
    headline(cell, metric, column),
    remarksOf(cell),
    section("Metrics", metricTable(cell, place)),
    section("Classes", classTable(cell, place)),
    section("Comparison with the best", comparison(cell, column)),
    section("Seeds and runs", seedTable(cell, metric)),
    section("Make it again", [...new Set(runs.map((one) => text(one.command)))].filter(Boolean).map((command) => copyable(command, "the command"))),
    section("Protocol", protocolOf(cell, place, runs[0])),
    section("Weights, cost and environment", originOf(cell, runs[0])),
  ];
}

function section(title, inside) {
  const nodes = [inside].flat(Infinity).filter(Boolean);
  return nodes.length ? h("section", {}, h("h3", {}, title), nodes) : "";
}

function headline(cell, metric, column) {
  const found = valueOf(cell, metric);
  if (!found) return h("p", { class: "headline failed" }, cell.status);
  const rank = column.metric === metric ? column.ranks.get(cell) : undefined;
  return h("div", { class: "headline" }, h("strong", {}, found.text.mean), h("div", {},
    h("p", {}, `${metricTitle(metric)} on ${cell.part}, percent, mean over ${count(cell.seeds.length, "seed")}`),
    h("p", {}, found.low === null ? "no 95 % interval over items" : `95 % interval over items ${interval(found, " to ")}`,
      found.sd === null ? "" : `; sd over seeds ${found.text.sd}`),
    h("p", {}, rank ? `rank ${rank} of ${column.ranks.size} comparable rows` : cell.out ? `not ranked: ${cell.out}` : "")));
}

function remarksOf(cell) {
  const said = [cell.contaminated ? "Contaminated: the weights were pretrained on images of this task" : "", ...cell.remarks].filter(Boolean);
  return said.length ? h("ul", { class: "remarks" }, said.map((one) => h("li", {}, one[0].toUpperCase() + one.slice(1)))) : "";
}

function plainTable(label, heads, rows) {
  return h("div", { class: "box", tabindex: "0", role: "region", "aria-label": label }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head, at) => h("th", { scope: "col", class: at ? "num" : "" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one, at) => (at ? h("td", { class: "num" }, one) : h("th", { scope: "row" }, one))))))));
}

function metricTable(cell, place) {
  const names = cell.names.filter((name) => !classOf(place.task, name));
  return names.length && cell.mean ? plainTable("Metrics", ["Metric", "Mean", "95 % interval over items", "sd over seeds"], names.map((name) => {
    const one = valueOf(cell, name);
    return [h("span", { title: name }, metricTitle(name)), one.text.mean, interval(one), one.text.sd];
  })) : "";
}

function classTable(cell, place) {
  const found = cell.names.map((name) => [name, classOf(place.task, name)]).filter(([, one]) => one);
  if (!found.length || !cell.mean) return "";
  const metrics = [...new Set(found.map(([, one]) => one.metric))];
  const classes = [...new Set(found.map(([, one]) => one.title))];
  const full = new Map(found.map(([name, one]) => [`${one.metric}\n${one.title}`, name]));
  return plainTable("Classes", ["Class", ...metrics.map(metricTitle)], classes.map((title) => [title, ...metrics.map((metric) => {
    const one = valueOf(cell, full.get(`${metric}\n${title}`));
    return one ? [one.text.mean, one.low === null ? "" : h("small", {}, interval(one))] : "";
  })]));
}
