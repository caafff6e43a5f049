// The data of the page, with what follows from them. Numbers in them mean members of other lists.

const data = JSON.parse(byId("data").textContent);
const text = (number) => data.texts[number];
const PARADIGMS = ["random", "supervised", "contrastive", "masked", "hybrid"];
const KINDS = { classification: "Classification", segmentation: "Segmentation", detection: "Detection", "instance-segmentation": "Instance segmentation" };

data.cells.forEach((cell, number) => {
  cell.number = number;
  cell.names = text(cell.names);
});

/** Cells by place, then by subject: each a list, one per part; a cell that failed has no part. */
const cellsOf = data.places.map(() => new Map());
for (const cell of data.cells) {
  const members = cellsOf[cell.place];
  if (!members.has(cell.subject)) members.set(cell.subject, []);
  members.get(cell.subject).push(cell);
}

/** The cell of a subject in a place: that of the part, or the one that failed. */
function cellAt(place, subject, part) {
  const several = cellsOf[place].get(subject) ?? [];
  return several.find((cell) => cell.part === part || cell.part === "");
}

/** One metric of a cell, or null where it was not measured: numbers to sort and draw by, and text as it was printed. */
function valueOf(cell, metric) {
  const at = cell?.mean ? cell.names.indexOf(metric) : -1;
  if (at < 0) return null;
  const of = (name) => cell[name]?.[at] ?? null;
  const printed = (name) => (of(name) === null ? "" : printedOf(cell, name)[at]);
  return { mean: cell.mean[at], low: of("low"), high: of("high"), sd: of("sd"),
    text: { mean: printed("mean"), low: printed("low"), high: printed("high"), sd: printed("sd") } };
}

function printedOf(cell, name) {
  cell.printed ??= {};
  return cell.printed[name] ??= cell[`${name}_text`].split(" ");
}

/** One metric of a run, as it was printed. */
const runText = (number, at) => data.runs.values_text[number].split(" ")[at];

/** What a subject is called wherever it is named: weights of the user are told from the method's own, and from others. */
const shownName = (about) => about.title + (about.checkpoint ? `, checkpoint ${about.checkpoint}` : "");

const run = (number) => Object.fromEntries(Object.entries(data.runs).map(([name, column]) => [name, column[number]]));
const taskTitle = (name) => data.tasks[name]?.title ?? name;

/** The parts and metrics that a place has, the task's own metrics first, then others, those of classes last. */
function keysOf(task) {
  const parts = new Map();
  data.places.forEach((place, number) => {
    if (place.task !== task) return;
    for (const several of cellsOf[number].values()) {
      for (const cell of several) {
        if (!cell.mean) continue;
        if (!parts.has(cell.part)) parts.set(cell.part, new Set());
        for (const name of cell.names) parts.get(cell.part).add(name);
      }
    }
  });
  const main = data.tasks[task]?.metrics ?? [];
  const order = (name) => [main.includes(name) ? main.indexOf(name) : main.length, classOf(task, name) ? 1 : 0];
  return [...parts].map(([part, names]) => [part, [...names].sort((a, b) => {
    const [x, y] = [order(a), order(b)];
    return x[0] - y[0] || x[1] - y[1];
  })]);
}

/** What a metric of one class is: its name without the class, and the class; null for a metric of all. */
function classOf(task, metric) {
  let best = null;
  for (const [plain, title] of data.tasks[task]?.classes ?? []) {
    if (metric.endsWith(`_${plain}`) && !(best && best.plain.length > plain.length)) {
      best = { plain, title, metric: metric.slice(0, -plain.length - 1) };
    }
  }
  return best;
}

const METRICS = { top1: "Top-1", mean_class_accuracy: "Mean class accuracy", F1_75: "F1₇₅", AP50: "AP₅₀", AP75: "AP₇₅", AR50: "AR₅₀", AR75: "AR₇₅" };
/** A metric for readers; its name in records stays in titles and exports. */
const metricTitle = (name) => METRICS[name] ?? name;

const interval = (found, between = " – ") => (found.low === null ? "" : `${found.text.low}${between}${found.text.high}`);
const number = (value, digits) => (value === null || value === undefined ? "" : value.toFixed(digits));
const count = (many, one, more = `${one}s`) => `${many.toLocaleString("en")} ${many === 1 ? one : more}`;

/** A cost for readers: 1.6 M parameters, 16.0 GFLOPs. */
function costText(name, value) {
  if (value === null || value === undefined) return "";
  if (name === "parameters") return value >= 1e5 ? `${(value / 1e6).toFixed(1)} M` : value.toLocaleString("en");
  return value >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}
const COSTS = [["parameters", "Parameters"], ["gflops", "GFLOPs"], ["images_per_second", "Images/s"], ["peak_memory_mib", "Peak memory, MiB"]];
const costOf = (cell, name) => cell?.cost?.[COSTS.findIndex(([own]) => own === name)] ?? null;

/** A place in words: protocol with what was changed, split with its version, input size. */
function placeWords(place) {
  const size = place.size === null ? "" : `${place.size} px`;
  const split = place.version ? `${place.split} (${place.version})` : place.split;
  return { protocol: place.protocol + (place.changed ? "*" : ""), changed: place.changed, split, size };
}
