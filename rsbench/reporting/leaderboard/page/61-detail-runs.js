// The lower half of the panel: where the number comes from, and how it is made again.

function comparison(cell, column) {
  if (cell.out) return h("p", {}, `Not compared: ${cell.out}.`);
  const rank = column.ranks.get(cell);
  if (!rank) return "";
  if (!data.tests) return h("p", {}, "Not tested: the page was made with --no-tests.");
  const test = testOf(cell, column);
  if (!test) return h("p", {}, "This is the best of the rows that may be compared.");
  if (test.untested) return h("p", {}, h("b", {}, "? Not tested"), ` against the best of the column: ${test.untested}.`);
  const minus = (number) => number.replace("-", "−");
  const single = [cell, test.of].filter((one) => one.seeds.length === 1).map((one) => shownName(data.subjects[one.subject]));
  const seeds = test.seeds === null ? "" : `, over seeds (Welch) p ${test.seeds}; the larger`;
  const words = test.shown ? `A difference${test.seeds === null ? " between these runs" : ""} is shown` : "≈ No difference is shown";
  return [
    h("p", {}, h("b", {}, words), ` from ${shownName(data.subjects[test.best])}, on the same items.`),
    facts([
      ["Difference", `${minus(test.mean)} points, 95 % interval ${minus(test.low)} to ${minus(test.high)}`],
      ["Tests", `over items p ${test.p} (${test.test})${seeds}, corrected after Holm within the column: ${test.corrected}`],
      ["Seeds", single.length ? `one seed of ${single.join(" and of ")}: says nothing about another seed` : test.seeds === null ? "no seed changes these numbers" : ""],
    ]),
  ];
}

const recordLink = (id, words) => h("a", { href: `records/${id}.json` }, words ?? id);

function seedTable(cell, metric) {
  return plainTable("Seeds and runs", ["Run", "Seed", metric ? `${cell.part}/${metricTitle(metric)}` : "Status", "Started", "Seconds"], cell.runs.map((one) => {
    const own = run(one);
    const at = text(own.names).indexOf(`${cell.part}/${metric}`);
    return [recordLink(own.id), String(own.seed), at < 0 ? own.status : runText(one, at), own.started.replace("T", " "), own.seconds === null ? "" : number(own.seconds, 1)];
  }));
}

function protocolOf(cell, place, own) {
  const changed = text(own.changed);
  const assumed = text(own.assumed);
  const settings = Object.entries(text(own.settings));
  const counts = Object.entries(text(place.counts)).map(([part, many]) => `${many.toLocaleString("en")} ${part}`).join(", ");
  return [
    h("p", {}, h("b", {}, place.protocol), place.description ? `: ${place.description}` : ""),
    facts([["Split", `${place.split}${counts ? `: ${counts}` : ""}`], ["Precision", own.precision], ["Changed", place.changed]]),
    settings.length ? h("details", {}, h("summary", {}, count(settings.length, "setting")), facts(settings.map(([key, value]) => [key, [String(value),
      changed.includes(key) ? h("em", {}, " changed") : "", assumed.includes(key) ? h("em", {}, " assumed: its source does not say") : ""]]), "facts settings")) : "",
  ];
}

function originOf(cell, own) {
  const weights = text(own.weights);
  const environment = text(own.environment);
  const plain = (value) => (value && typeof value === "object" ? Object.entries(value).map(([key, one]) => `${key} ${plain(one)}`).join(", ") : String(value));
  return [
    facts([["Architecture", weights.architecture], ["Source of the weights", weights.source], ["Digest of the weights", weights.digest ? h("code", {}, weights.digest) : ""],
      ["Preprocessing", Object.entries(text(own.preprocess)).map(([key, value]) => `${key} ${value}`).join("; ")], ...COSTS.map(([key, title]) => [title, costText(key, costOf(cell, key))])]),
    Object.keys(environment).length ? h("details", {}, h("summary", {}, `Environment of run ${own.id}`),
      facts(Object.entries(environment).map(([key, value]) => [key, plain(value)]), "facts settings")) : "",
  ];
}
