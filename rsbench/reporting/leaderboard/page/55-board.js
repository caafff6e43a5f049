// The leaderboard: methods by tasks.

const BOARD_COSTS = COSTS.slice(0, 3);

function boardModel() {
  const columns = shownPlaces().map((place) => columnOf(place));
  const rows = shownSubjects().map((subject) => ({
    subject,
    about: data.subjects[subject],
    cells: columns.map((column) => cellAt(column.place, subject, column.part)),
  })).filter((row) => row.cells.some((cell) => cell && !isHidden(cell)));
  const used = columns.map((column, at) => [column, at]).filter(([, at]) => rows.some((row) => row.cells[at]));
  return { rows, columns: [methodColumn(), ...used.map(([column, at]) => valueColumn(column, at)), ...BOARD_COSTS.map(costColumn)] };
}

function methodColumn() {
  return {
    key: "method", title: "Method", value: (row) => shownName(row.about),
    cell: ({ about }) => [
      h("a", { class: "go", tabindex: "-1", href: address({ view: "methods", card: about.method, cell: null }) }, shownName(about)),
      h("small", {}, about.paradigm || about.id, about.data === "demo" ? " · demo scenes" : ""),
    ],
    csv: [["method", (row) => row.about.id], ["title", (row) => shownName(row.about)], ["paradigm", (row) => row.about.paradigm], ["data", (row) => row.about.data]],
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

/** Costs of a row: one number where its shown cells agree, else from the least to the most; it is sorted by the least. */
function costColumn([key, title]) {
  const all = (row) => row.cells.filter((cell) => cell && !isHidden(cell)).map((cell) => costOf(cell, key)).filter((value) => value !== null);
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
  const open = { type: "button", class: "go", tabindex: "-1", "data-cell": cellKey(cell), on: { click: () => openCell(cell) } };
  if (!found) {
    if (cell.status === "done") return null;
    const reason = cell.remarks.at(-1) ?? "";
    return h("button", { ...open, class: "go failed", title: reason }, cell.status, h("small", {}, shorter(reason)));
  }
  const rank = column.ranks.get(cell);
  const test = testOf(cell, column);
  const title = [
    rank ? `rank ${rank} of ${column.ranks.size} comparable rows` : cell.out ? `not ranked: ${cell.out}` : "",
    test?.untested ? `not tested against the best: ${test.untested}` : test && !test.shown ? "no difference from the best is shown" : "",
    cell.contaminated ? "contaminated: pretrained on images of this task" : "",
  ].filter(Boolean).join("; ");
  const signs = [
    cell.contaminated ? h("span", {}, "⚑", hidden(" contaminated ")) : "",
    cell.out && columnHasRanks(column) ? h("span", {}, "†", hidden(" not ranked ")) : "",
    test?.untested ? h("span", {}, "?", hidden(" not tested ")) : test && !test.shown ? h("span", {}, "≈", hidden(" no difference from the best shown ")) : "",
    rank && rank < 3 ? h("span", { class: "rank" }, hidden("rank "), String(rank), hidden(" ")) : "",
  ].filter(Boolean);
  return h("button", { ...open, title: title || null },
    signs.length ? h("span", { class: "signs" }, signs) : "",
    h("span", { class: rank === 1 ? "mean best" : "mean" }, found.text.mean),
    h("small", {}, interval(found) || "no interval"),
    h("small", {}, [found.sd === null ? "" : `sd ${found.text.sd}`, count(cell.seeds.length, "seed") + (cell.unfinished ? `, ${cell.unfinished.length} not done` : ""), cell.size === null ? "" : `${cell.size} px`].filter(Boolean).join(" · ")));
}

const columnHasRanks = (column) => column.ranks.size > 0;
const shorter = (words) => (words.length > 60 ? `${words.slice(0, 58).trimEnd()}…` : words);

function boardView(main) {
  const controls = h("form", { class: "controls", "aria-label": "Filters", on: { submit: (event) => event.preventDefault() } });
  const [said, how] = [h("p"), h("ul")]; // the list stays, so that a reader who opened it finds it open
  const notes = h("div", { class: "legend" }, said, h("details", {}, h("summary", {}, "How to read this table"), how));
  const place = h("div");
  let shown = null;
  const save = () => download("leaderboard.csv", csvOf(shown.columns, shown.order));
  const filters = h("details", { class: "filters", open: innerWidth > 640 }, h("summary", {}, "Filters and export"), controls);
  main.append(h("h2", { class: "hidden" }, "Leaderboard"), filters, notes, place);
  boardControls(controls, save);
  return () => {
    const { rows, columns } = boardModel();
    const sort = boardSort(columns);
    const onSort = (key, way) => { go({ sort: key, way }); focusHead(key); };
    const { box, order } = makeTable({ label: "Leaderboard: methods by tasks", columns, rows, sort, onSort });
    shown = { columns, order };
    replaceTable(place, box);
    said.replaceChildren(...boardSummary(columns, rows));
    how.replaceChildren(...boardLegend());
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

function boardSummary(columns, rows) {
  const all = dataShown() === "both" ? 0 : data.subjects.filter((one) => one.data !== dataShown()).length;
  const other = dataShown() === "real" ? "of demo scenes" : "of real data";
  const both = () => { go({ data: "both" }); byId("main").querySelector(".box")?.focus(); };
  return [`${count(rows.length, "row")}, ${count(columns.length - 1 - BOARD_COSTS.length, "column")}. `,
    ...(all ? [`${count(all, "row")} ${other} ${all === 1 ? "is" : "are"} not shown. `, h("button", { type: "button", class: "link", on: { click: both } }, "Show them")] : [])];
}

function boardLegend() {
  const changed = [...new Set(shownPlaces().map((place) => data.places[place]).filter((one) => one.changed).map((one) => `${one.title}, ${one.protocol}* with ${one.changed}`))];
  const tests = [
    "≈ no difference from the best of the column is shown: a paired test on the same items and, where both rows have several seeds, Welch's test over seeds; the larger p-value, corrected after Holm for the rows of the column, is above 5 %.",
    "? not tested against the best: the runs left too little of the same items, or the best is hidden, or another metric is shown than the one that ranks the task, of which alone tests are made.",
    "A ranked row below the first without one of these signs is shown to differ from the best; where either has one seed, that says nothing about another seed.",
  ];
  return [
    "A number is the mean over seeds, in percent. Below it: the 95 % interval over items, which does not hold the variance between seeds; then sd, the standard deviation over seeds; the number of seeds; the input size.",
    [h("span", { class: "rank" }, "1"), " and ", h("span", { class: "rank" }, "2"), " are the best of the rows of a column that may be compared: equal protocol, settings, split and images by column, equal input size and precision by row. Equal printed digits share a rank. A filter by text or paradigm does not change them."],
    "† not ranked with the others: the number's panel says why.",
    ...(data.tests ? tests : ["No tests were made (--no-tests): nothing here says which rows differ from the best."]),
    "⚑ contaminated: the weights were pretrained on images of this task.",
    ...(changed.length ? [["* settings changed from the protocol's own: ", changed.join("; "), "."]] : []),
    "Costs are those of the shown cells, from the least to the most, and are sorted by the least. Parameters and FLOPs hold the head or the detector and follow the input size of the task: compare them within one column, not across tasks. Images per second depend on the machine of the run.",
    "What is blank was not measured.",
  ].map((words) => h("li", {}, words));
}
