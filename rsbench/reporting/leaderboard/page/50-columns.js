// Columns of the leaderboard: one place each, with the part and metric that is chosen for its task, and ranks in it.

/** The part and metric shown for a task, as the reader chose or as the task ranks. */
function chosenKey(task) {
  const own = state[`m.${task}`] ?? data.tasks[task]?.rank ?? "";
  const [part, metric] = [own.slice(0, own.indexOf("/")), own.slice(own.indexOf("/") + 1)];
  return { part, metric };
}

/** A column: place, part and metric, and the rank of each cell that may be compared with others; of a cell, its own part. */
function columnOf(place, of = null) {
  const about = data.places[place];
  const cells = [...cellsOf[place].values()].flat();
  const parts = [...new Set(cells.filter((cell) => cell.mean).map((cell) => cell.part))];
  let { part, metric } = chosenKey(about.task);
  if (of && of.part !== part) [part, metric] = [of.part, of.metric];
  if (!parts.includes(part)) part = parts[0] ?? part;
  const own = cells.filter((cell) => cell.part === part && cell.mean);
  if (own.length && !own.some((cell) => cell.names.includes(metric))) metric = own[0].metric;
  return { key: about.key, place, about, part, metric, ranks: ranksIn(own, metric) };
}

/** Ranks by printed digits among rows that may be compared, with the best first; equal digits share a rank. */
function ranksIn(cells, metric) {
  const values = cells.filter((cell) => !cell.out && !isHidden(cell)).map((cell) => [cell, valueOf(cell, metric)]).filter(([, found]) => found);
  if (values.length < 2) return new Map();
  const printed = values.map(([cell, found]) => [cell, Number(found.text.mean)]);
  return new Map(printed.map(([cell, own]) => [cell, 1 + printed.filter(([, other]) => other > own).length]));
}

const isHidden = (cell) => state.clean === "1" && Boolean(cell.contaminated);

/** What the test of a ranked cell against the best one shown says: a comparison, or why there is none; null for no test. */
function testOf(cell, column) {
  const rank = column.ranks.get(cell);
  if (!data.tests || !rank) return null;
  if (column.metric !== cell.metric) return rank === 1 ? null : { untested: `tests are made of ${metricTitle(cell.metric)} alone, which ranks the task` };
  if (cell.best) return null;
  if (cell.untested) return { untested: "the runs left too little of the same items" };
  const best = cellAt(cell.place, cell.against.best, cell.part);
  if (!isHidden(best)) return { ...cell.against, of: best };
  return rank === 1 ? null : { untested: `it was tested against ${shownName(data.subjects[best.subject])}, which is hidden` };
}

/** The filters that hide something, in words. */
function filterWords() {
  return [["q", `search “${state.q}”`], ["protocol", `protocol ${state.protocol}`], ["kind", `task kind ${KINDS[state.kind] ?? state.kind}`],
    ["task", `task ${taskTitle(state.task)}`], ["paradigm", `paradigm ${state.paradigm}`], ["clean", "contaminated ones are hidden"]].filter(([key]) => state[key]).map(([, words]) => words);
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
