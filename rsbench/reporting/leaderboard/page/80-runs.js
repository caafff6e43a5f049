// All runs, and what was left out.

function runColumns() {
  const of = (name) => (one) => data.runs[name][one];
  const place = (read) => (one) => read(data.places[data.runs.place[one]]);
  const ranked = (one) => {
    const about = data.places[data.runs.place[one]];
    const names = text(data.runs.names[one]);
    const key = state[`m.${about.task}`] ?? data.tasks[about.task]?.rank ?? names[0];
    const at = names.includes(key) ? names.indexOf(key) : 0;
    return names.length ? { key: names[at], value: data.runs.values[one][at], text: runText(one, at) } : null;
  };
  const plain = (key, title, read, numeric = false, name) => ({ key, title, numeric, class: name, value: read, cell: (one) => { const value = read(one); return value === null ? "" : String(value); } });
  return [
    { key: "id", title: "Run", class: "id", value: of("id"), cell: (one) => h("a", { class: "go", tabindex: "-1", href: `records/${of("id")(one)}.json` }, h("code", {}, of("id")(one))) },
    plain("method", "Method", (one) => shownName(data.subjects[data.runs.subject[one]]), false, "name"),
    plain("task", "Task", place((about) => about.title)),
    plain("protocol", "Protocol", place((about) => about.protocol + (about.changed ? "*" : ""))),
    plain("split", "Split", place((about) => about.split)),
    plain("data", "Data", (one) => data.subjects[data.runs.subject[one]].data),
    plain("seed", "Seed", of("seed"), true),
    { key: "value", title: "Value", numeric: true, value: (one) => ranked(one)?.value ?? null,
      cell: (one) => { const found = ranked(one); return found ? [found.text, h("small", {}, found.key)] : ""; },
      csv: [["metric", (one) => ranked(one)?.key ?? ""], ["value", (one) => ranked(one)?.value ?? ""]] },
    { key: "status", title: "Status", value: of("status"), csv: [["status", of("status")], ["reason", of("reason")]],
      cell: (one) => (of("status")(one) === "done" ? "done" : h("span", { class: "failed", title: of("reason")(one) }, of("status")(one), h("small", {}, shorter(of("reason")(one))))) },
    plain("size", "Input, px", of("size"), true),
    plain("precision", "Precision", of("precision")),
    { key: "seconds", title: "Seconds", numeric: true, value: of("seconds"), cell: (one) => number(of("seconds")(one), 1) },
    { key: "started", title: "Started, UTC", class: "flat", value: of("started"), cell: (one) => of("started")(one).replace("T", " ") },
  ];
}

function runsView(main) {
  const columns = runColumns();
  const all = (data.runs.id ?? []).map((_, one) => one);
  const words = all.map((one) => columns.map((column) => String(column.value(one) ?? "")).concat(data.runs.reason[one], data.subjects[data.runs.subject[one]].id).join(" ").toLowerCase());
  const search = h("input", { type: "search", autocomplete: "off", placeholder: "id, method, task, status …", on: { input: (event) => go({ rq: event.target.value }) } });
  const place = h("div");
  const many = h("span", { class: "many" });
  let order = all;
  main.append(h("h2", {}, "Runs"), h("form", { class: "controls", "aria-label": "Filter", on: { submit: (event) => event.preventDefault() } },
    h("label", { class: "search" }, h("span", {}, "Search"), search), many,
    h("span", { class: "actions" }, h("button", { type: "button", on: { click: () => download("runs.csv", csvOf(columns, order)) } }, "Export CSV"))), place);
  return () => {
    if (document.activeElement !== search) search.value = state.rq ?? "";
    const wanted = (state.rq ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all.filter((one) => wanted.every((word) => words[one].includes(word)));
    const known = columns.some((column) => column.key === state.sort);
    const onSort = (key, way) => { go({ sort: key, way }); focusHead(key); };
    const made = makeTable({ label: "Runs", columns, rows, onSort, sort: { key: known ? state.sort : "started", down: known ? state.way !== "up" : true } });
    order = made.order;
    many.textContent = rows.length === all.length ? count(all.length, "run") : `${rows.length} of ${count(all.length, "run")}`;
    replaceTable(place, made.box);
  };
}

function leftView(main) {
  const list = (title, note, items) => (items.length ? h("section", {}, h("h3", {}, title), h("p", { class: "note" }, note),
    plainTable(title, ["Name", "Reason"], items.map((one) => [h("code", {}, one.name), one.reason]))) : "");
  main.append(h("h2", {}, "Left out"), h("div", { class: "left" },
    list("Runs", "These folders of runs could not be used; no number on this page comes from them.", data.broken),
    list("Plugins", "These plugins could not be read, so methods or tasks of theirs have no card.", data.plugins),
    data.broken.length + data.plugins.length ? "" : h("p", { class: "empty" }, "Nothing was left out.")));
  return () => {};
}
