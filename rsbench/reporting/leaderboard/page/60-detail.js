// The panel with all that is known about one cell.

const cellKey = (cell) => `${data.runs.id[cell.runs[0]]}/${cell.part}`;
const openCell = (cell) => go({ cell: cellKey(cell) }, { step: true });
const findCell = (key) => data.cells.find((cell) => cellKey(cell) === key);
let opener = null;

function startPanel() {
  const panel = byId("panel");
  panel.addEventListener("close", () => { if (state.cell) go({ cell: null }); });
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });
}

function drawPanel() {
  const panel = byId("panel");
  const cell = state.cell ? findCell(state.cell) : null;
  if (!cell) {
    if (panel.open) panel.close();
    opener?.isConnected && opener.focus();
    opener = null;
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
  const column = columnOf(cell.place);
  const metric = column.part === cell.part && cell.names.includes(column.metric) ? column.metric : cell.metric;
  const runs = cell.runs.map(run);
  const words = placeWords(place);
  const parts = (cellsOf[cell.place].get(cell.subject) ?? []).filter((other) => other.part);
  return [
    h("div", { class: "bar" },
      h("div", {}, h("h2", { id: "panel-title" }, about.title, about.checkpoint ? `, checkpoint ${about.checkpoint}` : ""),
        h("p", {}, [place.title, words.protocol, words.split, cell.part, cell.size === null ? "" : `${cell.size} px`].filter(Boolean).join(" · "))),
      h("button", { type: "button", autofocus: true, on: { click: () => byId("panel").close() } }, "Close")),
    parts.length > 1 ? h("p", { class: "parts" }, "Part: ", parts.map((other) => (other === cell ? h("b", {}, other.part)
      : h("button", { type: "button", class: "link", on: { click: () => go({ cell: cellKey(other) }) } }, other.part)))) : "",
    headline(cell, metric, column),
    remarksOf(cell),
    section("Metrics", metricTable(cell, place)),
    section("Classes", classTable(cell, place)),
    section("Comparison with the best", comparison(cell, column)),
    section("Seeds and runs", seedTable(cell, metric, place)),
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
  return h("div", { class: "headline" }, h("strong", {}, number(found.mean, column.digits)), h("div", {},
    h("p", {}, `${metricTitle(metric)} on ${cell.part}, percent, mean over ${count(cell.seeds.length, "seed")}`),
    h("p", {}, found.low === null ? "no 95 % interval over items" : `95 % interval over items ${number(found.low, column.digits)} to ${number(found.high, column.digits)}`,
      found.sd === null ? "" : `; sd over seeds ${number(found.sd, column.digits)}`),
    h("p", {}, rank ? `rank ${rank} of ${column.ranks.size} comparable rows` : cell.out ? `not ranked: ${cell.out}` : "")));
}

function remarksOf(cell) {
  const said = [cell.contaminated ? "Contaminated: the weights were pretrained on images of this task" : "", ...cell.remarks].filter(Boolean);
  return said.length ? h("ul", { class: "remarks" }, said.map((one) => h("li", {}, one[0].toUpperCase() + one.slice(1)))) : "";
}

function plainTable(heads, rows) {
  return h("div", { class: "box", tabindex: "0", role: "region", "aria-label": heads.join(", ") }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head, at) => h("th", { scope: "col", class: at ? "num" : "" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one, at) => (at ? h("td", { class: "num" }, one) : h("th", { scope: "row" }, one))))))));
}

function metricTable(cell, place) {
  const names = cell.names.filter((name) => !classOf(place.task, name));
  const digits = decimals(place.kind);
  return names.length && cell.mean ? plainTable(["Metric", "Mean", "95 % interval over items", "sd over seeds"], names.map((name) => {
    const one = valueOf(cell, name);
    return [h("span", { title: name }, metricTitle(name)), number(one.mean, digits), interval(one, digits), number(one.sd, digits)];
  })) : "";
}

const interval = (one, digits) => (one.low === null ? "" : `${number(one.low, digits)} – ${number(one.high, digits)}`);

function classTable(cell, place) {
  const found = cell.names.map((name) => [name, classOf(place.task, name)]).filter(([, one]) => one);
  if (!found.length || !cell.mean) return "";
  const metrics = [...new Set(found.map(([, one]) => one.metric))];
  const classes = [...new Set(found.map(([, one]) => one.title))];
  const digits = decimals(place.kind);
  const full = new Map(found.map(([name, one]) => [`${one.metric}\n${one.title}`, name]));
  return plainTable(["Class", ...metrics.map(metricTitle)], classes.map((title) => [title, ...metrics.map((metric) => {
    const one = valueOf(cell, full.get(`${metric}\n${title}`));
    return one ? [number(one.mean, digits), one.low === null ? "" : h("small", {}, interval(one, digits))] : "";
  })]));
}
