// The lower half of the panel: where the number comes from, and how it is made again.

function comparison(cell, column) {
  const found = cell.against?.[column.metric];
  if (!found) {
    const rank = column.ranks.get(cell);
    if (rank === 1) return h("p", {}, "This is the best of the rows that may be compared.");
    return cell.out ? h("p", {}, `Not compared: ${cell.out}.`) : "";
  }
  const signed = (value, plus = "") => `${value > 0 ? plus : ""}${number(value, column.digits + 1)}`.replace("-", "−");
  const p = (value) => (value < 0.001 ? "below 0.001" : value.toFixed(3));
  return [
    h("p", {}, h("b", {}, found.shown ? "A difference is shown" : "≈ No difference is shown"), ` from ${data.subjects[found.best].title}, on the same items.`),
    facts([
      ["Difference", `${signed(found.mean, "+")} points, 95 % interval ${signed(found.low)} to ${signed(found.high)}`],
      ["Test", `${found.test}, p ${p(found.p)}; ${p(found.corrected)} corrected after Holm within the column`],
    ]),
  ];
}

const recordLink = (id, words) => h("a", { href: `records/${id}.json` }, words ?? id);

function seedTable(cell, metric, place) {
  const digits = decimals(place.kind);
  return plainTable(["Run", "Seed", metric ? `${cell.part}/${metricTitle(metric)}` : "Status", "Started", "Seconds"], cell.runs.map((one) => {
    const own = run(one);
    const at = text(own.names).indexOf(`${cell.part}/${metric}`);
    return [recordLink(own.id), String(own.seed), at < 0 ? own.status : number(own.values[at], digits), own.started.replace("T", " "), own.seconds === null ? "" : number(own.seconds, 1)];
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
