// Columns of the leaderboard: one place each, with the part and metric that is chosen for its task, and ranks in it.

/** The part and metric shown for a task, as the reader chose or as the task ranks. */
function chosenKey(task) {
  const own = state[`m.${task}`] ?? data.tasks[task]?.rank ?? "";
  const [part, metric] = [own.slice(0, own.indexOf("/")), own.slice(own.indexOf("/") + 1)];
  return { part, metric };
}

/** A column: place, part and metric, and the rank of each subject that may be compared with others. */
function columnOf(place) {
  const about = data.places[place];
  const cells = [...cellsOf[place].values()].flat();
  const parts = [...new Set(cells.filter((cell) => cell.mean).map((cell) => cell.part))];
  let { part, metric } = chosenKey(about.task);
  if (!parts.includes(part)) part = parts[0] ?? part;
  const own = cells.filter((cell) => cell.part === part && cell.mean);
  if (own.length && !own.some((cell) => cell.names.includes(metric))) metric = own[0].metric;
  const digits = decimals(about.kind);
  return { key: `c${place}`, place, about, part, metric, digits, ranks: ranksIn(own, metric, digits) };
}

/** Ranks by printed digits among rows that may be compared, with the best first; equal digits share a rank. */
function ranksIn(cells, metric, digits) {
  const open = state.clean === "1" ? cells.filter((cell) => !cell.contaminated) : cells;
  const values = open.filter((cell) => !cell.out).map((cell) => [cell, valueOf(cell, metric)?.mean]).filter(([, mean]) => mean !== undefined);
  if (values.length < 2) return new Map();
  const printed = values.map(([cell, mean]) => [cell, Number(mean.toFixed(digits))]);
  return new Map(printed.map(([cell, own]) => [cell, 1 + printed.filter(([, other]) => other > own).length]));
}

/** The comparison of a cell with the best of its column, if that is the best of those shown. */
function againstBest(cell, column) {
  const found = cell.against?.[column.metric];
  if (!found) return null;
  const best = data.cells.find((other) => other.place === cell.place && other.part === cell.part && other.subject === found.best);
  return best && column.ranks.get(best) === 1 ? found : null;
}

/** Places that the filters leave, in the order of tasks. */
function shownPlaces() {
  return data.places.map((_, number) => number).filter((place) => {
    const about = data.places[place];
    if (state.protocol && about.protocol !== state.protocol) return false;
    if (state.kind && about.kind !== state.kind) return false;
    if (state.task && about.task !== state.task) return false;
    return [...cellsOf[place].keys()].some((subject) => shows(data.subjects[subject]));
  });
}

/** Subjects that the filters leave; a text is looked for in the title, the id and the paradigm. */
function shownSubjects() {
  const wanted = (state.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return data.subjects.map((_, subject) => subject).filter((subject) => {
    const one = data.subjects[subject];
    if (!shows(one) || (state.paradigm && one.paradigm !== state.paradigm)) return false;
    const about = `${one.title} ${one.id} ${one.paradigm} ${one.data}`.toLowerCase();
    return wanted.every((word) => about.includes(word));
  });
}

function columnHead(column) {
  const words = placeWords(column.about);
  return h("span", { class: "colhead" }, h("b", {}, column.about.title),
    h("span", {}, `${metricTitle(column.metric)}, ${column.part || "no part"}`),
    h("small", {}, [words.protocol, words.split, words.size].filter(Boolean).join(" · ")));
}

/** A column in one line, for lists and exports. */
function columnName(column) {
  const words = placeWords(column.about);
  const changed = words.changed ? ` with ${words.changed}` : "";
  return [column.about.title, `${column.part}/${column.metric}`, column.about.protocol + changed, words.split, words.size].filter(Boolean).join(", ");
}

/** A column for a list to choose from, without what was changed. */
function shortName(column) {
  const words = placeWords(column.about);
  return [column.about.title, words.protocol, words.split, words.size].filter(Boolean).join(", ");
}
