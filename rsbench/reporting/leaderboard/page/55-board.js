// The leaderboard: methods by tasks.

const BOARD_COSTS = COSTS.slice(0, 3);

function boardModel() {
  const columns = shownPlaces().map(columnOf);
  const rows = shownSubjects().map((subject) => ({
    subject,
    about: data.subjects[subject],
    cells: columns.map((column) => cellAt(column.place, subject, column.part)),
  })).filter((row) => row.cells.some((cell) => cell && !isHidden(cell)));
  const used = columns.map((column, at) => [column, at]).filter(([, at]) => rows.some((row) => row.cells[at]));
  return { rows, columns: [methodColumn(), ...used.map(([column, at]) => valueColumn(column, at)), ...BOARD_COSTS.map(costColumn)] };
}

const isHidden = (cell) => state.clean === "1" && cell.contaminated;

function methodColumn() {
  return {
    key: "method", title: "Method", value: (row) => row.about.title,
    cell: ({ about }) => [
      h("a", { class: "go", tabindex: "-1", href: address({ view: "methods", card: about.method, cell: null }) }, about.title),
      h("small", {}, about.checkpoint ? `checkpoint ${about.checkpoint}` : about.paradigm || about.id, about.data === "demo" ? " · demo scenes" : ""),
    ],
    csv: [["method", (row) => row.about.id], ["title", (row) => row.about.title], ["paradigm", (row) => row.about.paradigm], ["data", (row) => row.about.data]],
  };
}

function valueColumn(column, at) {
  const cellOf = (row) => (row.cells[at] && !isHidden(row.cells[at]) ? row.cells[at] : null);
  const value = (row) => valueOf(cellOf(row), column.metric);
  const name = columnName(column);
  return {
    key: column.key, title: name, head: columnHead(column), numeric: true, class: "num value",
    value: (row) => value(row)?.mean ?? null,
    cell: (row) => cellNodes(row, row.cells[at], column),
    csv: [
      [`${name}: mean`, (row) => number(value(row)?.mean, 4)],
      [`${name}: low (95 %)`, (row) => number(value(row)?.low, 4)],
      [`${name}: high (95 %)`, (row) => number(value(row)?.high, 4)],
      [`${name}: sd over seeds`, (row) => number(value(row)?.sd, 4)],
      [`${name}: seeds`, (row) => cellOf(row)?.seeds.join(" ") ?? ""],
      [`${name}: rank`, (row) => column.ranks.get(cellOf(row)) ?? ""],
      [`${name}: status`, (row) => cellOf(row)?.status ?? ""],
      [`${name}: runs`, (row) => cellOf(row)?.runs.map((one) => data.runs.id[one]).join(" ") ?? ""],
    ],
  };
}

/** Costs of a row: one number where its shown cells agree, else from the least to the most. */
function costColumn([key, title]) {
  const all = (row) => row.cells.map((cell) => costOf(cell, key)).filter((value) => value !== null);
  const range = (row) => {
    const values = all(row);
    if (!values.length) return "";
    const [low, high] = [costText(key, Math.min(...values)), costText(key, Math.max(...values))];
    return low === high ? low : `${low} – ${high}`;
  };
  return {
    key, title, numeric: true, class: "num cost", cell: range,
    value: (row) => (all(row).length ? Math.min(...all(row)) : null),
    csv: [[`${title}, least`, (row) => (all(row).length ? Math.min(...all(row)) : "")], [`${title}, most`, (row) => (all(row).length ? Math.max(...all(row)) : "")]],
  };
}

function cellNodes(row, cell, column) {
  if (!cell) return null;
  if (isHidden(cell)) return h("small", { class: "gone" }, "contaminated");
  const found = valueOf(cell, column.metric);
  const open = { type: "button", class: "go", tabindex: "-1", on: { click: () => openCell(cell) } };
  if (!found) {
    if (cell.status === "done") return null;
    const reason = cell.remarks.at(-1) ?? "";
    return h("button", { ...open, class: "go failed", title: reason }, cell.status, h("small", {}, shorter(reason)));
  }
  const rank = column.ranks.get(cell);
  const near = againstBest(cell, column);
  const title = [
    rank ? `rank ${rank} of ${column.ranks.size} comparable rows` : cell.out ? `not ranked: ${cell.out}` : "",
    near && !near.shown ? "no difference from the best is shown" : "",
    cell.contaminated ? "contaminated: pretrained on images of this task" : "",
  ].filter(Boolean).join("; ");
  const signs = [
    cell.contaminated ? h("span", {}, "⚑", hidden(" contaminated ")) : "",
    cell.out && columnHasRanks(column) ? h("span", {}, "†", hidden(" not ranked ")) : "",
    near && !near.shown ? h("span", {}, "≈", hidden(" no difference from the best shown ")) : "",
    rank && rank < 3 ? h("span", { class: "rank" }, hidden("rank "), String(rank), hidden(" ")) : "",
  ].filter(Boolean);
  return h("button", { ...open, title: title || null },
    signs.length ? h("span", { class: "signs" }, signs) : "",
    h("span", { class: rank === 1 ? "mean best" : "mean" }, number(found.mean, column.digits)),
    h("small", {}, found.low === null ? "no interval" : `${number(found.low, column.digits)} – ${number(found.high, column.digits)}`),
    h("small", {}, [found.sd === null ? "" : `sd ${number(found.sd, column.digits)}`, count(cell.seeds.length, "seed") + (cell.unfinished ? `, ${cell.unfinished.length} not done` : ""), cell.size === null ? "" : `${cell.size} px`].filter(Boolean).join(" · ")));
}

const columnHasRanks = (column) => column.ranks.size > 0;
const shorter = (words) => (words.length > 60 ? `${words.slice(0, 58).trimEnd()}…` : words);

function boardView(main) {
  const controls = h("form", { class: "controls", "aria-label": "Filters", on: { submit: (event) => event.preventDefault() } });
  const notes = h("div", { class: "legend" });
  const place = h("div");
  let shown = null;
  const save = () => download("leaderboard.csv", csvOf(shown.columns, shown.order));
  const filters = h("details", { class: "filters", open: innerWidth > 640 }, h("summary", {}, "Filters and export"), controls);
  main.append(h("h2", { class: "hidden" }, "Leaderboard"), filters, notes, place);
  boardControls(controls, save);
  return () => {
    const { rows, columns } = boardModel();
    const sort = boardSort(columns);
    const onSort = (key, way) => { go({ sort: key, way }); byId("main").querySelector(`th[data-key="${key}"] button`)?.focus(); };
    const { box, order } = makeTable({ label: "Leaderboard: methods by tasks", columns, rows, sort, onSort });
    shown = { columns, order };
    replaceTable(place, box);
    notes.replaceChildren(...boardLegend(columns, rows));
    boardSync(controls);
  };
}

/** As the reader chose; else a single column with the best first, and several by method: no column is the main one. */
function boardSort(columns) {
  const chosen = columns.find((column) => column.key === state.sort);
  if (chosen) return { key: state.sort, down: state.way ? state.way === "down" : Boolean(chosen.numeric) };
  const values = columns.filter((column) => column.class === "num value");
  return values.length === 1 ? { key: values[0].key, down: true } : { key: "method", down: false };
}

function boardLegend(columns, rows) {
  const changed = [...new Set(shownPlaces().map((place) => data.places[place]).filter((one) => one.changed).map((one) => `${one.title}, ${one.protocol}* with ${one.changed}`))];
  const all = dataShown() === "both" ? 0 : data.subjects.filter((one) => one.data !== dataShown()).length;
  const other = dataShown() === "real" ? "of demo scenes" : "of real data";
  return [
    h("p", {}, `${count(rows.length, "row")}, ${count(columns.length - 1 - BOARD_COSTS.length, "column")}. `, all ? [`${count(all, "row")} ${other} ${all === 1 ? "is" : "are"} not shown. `,
      h("button", { type: "button", class: "link", on: { click: () => go({ data: "both" }) } }, "Show them")] : ""),
    h("details", {}, h("summary", {}, "How to read this table"), h("ul", {},
      h("li", {}, "A number is the mean over seeds, in percent. Below it: the 95 % interval over items, which does not hold the variance between seeds; then sd, the standard deviation over seeds; the number of seeds; the input size."),
      h("li", {}, h("span", { class: "rank" }, "1"), " and ", h("span", { class: "rank" }, "2"), " are the best of the rows of a column that may be compared: equal protocol, settings, split and images by column, equal input size and precision by row. A filter by text or paradigm does not change them."),
      h("li", {}, "† not ranked with the others: the number's panel says why."),
      h("li", {}, data.tests ? "≈ no difference from the best of the column is shown: paired test on the same items, corrected after Holm. It is made for the metric that ranks the task."
        : "Differences from the best were not tested: the page was made with --no-tests."),
      h("li", {}, "⚑ contaminated: the weights were pretrained on images of this task."),
      changed.length ? h("li", {}, "* settings changed from the protocol's own: ", changed.join("; "), ".") : "",
      h("li", {}, "Costs are those of the shown cells, from the least to the most; images per second depend on the machine of the run. What is blank was not measured."))),
  ];
}
