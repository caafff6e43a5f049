// The paper: its tables with what was measured beside them, and the audit of its claims.

const VERDICT_SIGNS = { reproduced: "✓", differs: "≠", "not comparable": "∦", "not run": "" };
const FINDING_SIGNS = { holds: "✓ ", "holds in part": "~ ", "does not hold": "✗ " };

function paperView(main) {
  const { tables, audit } = data.paper;
  fill(main, null, [h("h2", {}, "The CtxMIM paper"),
    h("p", { class: "note" }, "Numbers as printed; bold is the best of a column. Below each: ✓ reproduced, ≠ differs by more than the tolerance, ∦ measured but not comparable, and why. Rows that are not in the paper stand in the leaderboard."),
    h("p", { class: "note" }, tables.map((table) => [jump(`table-${table.number}`, `Table ${table.number}`), " · "]), jump("audit", "Audit")),
    tables.map(paperTable), auditNode(audit)]);
  return () => jumpTo(state.at);
}

/** A link within the view: the address of a place that was jumped to already does not change, and nobody is told. */
const jump = (at, words) => h("a", { href: address({ view: "paper", at }), on: { click: () => jumpTo(at) } }, words);

function jumpTo(at) {
  const found = at ? byId(at) : null;
  found?.scrollIntoView();
  found?.focus({ preventScroll: true });
}

function paperTable(table) {
  const grouped = table.rows.some((row) => row.group);
  const runs = table.rows.flatMap((row) => row.cells).filter((cell) => cell?.kind && cell.kind !== "not run").length;
  return h("section", { class: "printed", tabindex: "-1", id: `table-${table.number}` }, h("h3", {}, `Table ${table.number}`),
    h("p", { class: "note" }, `${table.caption} ${table.source}. Tolerance ${table.tolerance} ${table.tolerance === 1 ? "point" : "points"}. `, runs ? "" : "None of its cells was run here."),
    h("div", { class: "box", tabindex: "0", role: "region", "aria-label": `Table ${table.number}` }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Method"), table.columns.map((title) => h("th", { scope: "col", class: "num" }, title)))),
      h("tbody", {}, table.rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.method, h("small", {}, [row.backbone, grouped ? row.group : ""].filter(Boolean).join(" · "))),
        row.cells.map((cell) => h("td", { class: "num" }, cell ? paperCell(cell) : ""))))))));
}

function paperCell(cell) {
  const sign = VERDICT_SIGNS[cell.kind] ?? "";
  return [
    cell.best ? h("b", {}, cell.text) : cell.text,
    cell.kind === "not run" ? h("small", {}, "not run") : cell.kind ? h("small", { class: "verdict" }, sign ? `${sign} ` : "", cell.verdict) : "",
    cell.measured.length ? h("details", {}, h("summary", {}, h("small", {}, `${cell.measured.length} measured`)), cell.measured.map((one) => h("p", {},
      h("small", {}, one.title), one.text, one.low === null ? "" : ` [${one.low}, ${one.high}]`, h("small", {}, one.verdict), h("small", {}, one.runs.map((id) => [recordLink(id), " "]))))) : "",
  ];
}

function auditNode(audit) {
  const kinds = [...new Set(audit.map((one) => one.finding))];
  return h("section", { class: "printed", tabindex: "-1", id: "audit" }, h("h3", {}, "Audit of the paper's claims"),
    h("p", { class: "note" }, `What the text claims of its own tables, recomputed from the printed numbers: ${kinds.map((kind) => `${audit.filter((one) => one.finding === kind).length} ${kind}`).join(", ")}.`),
    h("div", { class: "box", tabindex: "0", role: "region", "aria-label": "Audit" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Claim", "Printed", "Arithmetic", "Finding", "Remark"].map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, audit.map((one) => h("tr", {}, h("th", { scope: "row" }, one.claim, h("small", {}, one.where)), h("td", {}, one.claimed),
        h("td", { class: "wide" }, one.arithmetic, one.cells.length ? h("details", {}, h("summary", {}, h("small", {}, count(one.cells.length, "cell"))), one.cells.map((cell) => h("small", {}, cell))) : ""),
        h("td", {}, h("b", {}, FINDING_SIGNS[one.finding] ?? ""), one.finding), h("td", { class: "wide" }, one.remark)))))));
}
