// Quality against cost: one point per method; the paradigm is both shape and colour.

const SHAPES = {
  random: "M0,-5.5A5.5,5.5 0 1 1 0,5.5A5.5,5.5 0 1 1 0,-5.5Z",
  supervised: "M-5,-5H5V5H-5Z",
  contrastive: "M0,-6.5L6,4.5H-6Z",
  masked: "M0,-7L6.5,0L0,7L-6.5,0Z",
  hybrid: "M0,-7L1.9,-2.2L7,-2.2L2.9,1L4.4,6L0,3L-4.4,6L-2.9,1L-7,-2.2L-1.9,-2.2Z",
  unknown: "M-5,-5L5,5M5,-5L-5,5",
};

function plotView(main) {
  const controls = h("form", { class: "controls", "aria-label": "Axes", on: { submit: (event) => event.preventDefault() } });
  const filters = h("div");
  const place = h("div", { class: "plot" });
  main.append(h("h2", {}, "Quality against cost"), controls, filters, place);
  const render = () => {
    filters.replaceChildren(...filterNote(() => controls.elements[0]?.focus()));
    const columns = shownPlaces().map((place) => columnOf(place)).filter((column) => shownSubjects().some((subject) => {
      const cell = cellAt(column.place, subject, column.part);
      return cell?.mean && !isHidden(cell);
    }));
    if (!columns.length) {
      controls.replaceChildren();
      return place.replaceChildren(h("p", { class: "empty" }, "Nothing was measured that fits the filters."));
    }
    const column = columns.find((one) => one.key === state.column) ?? columns.reduce((best, one) => (cellsOf[one.place].size > cellsOf[best.place].size ? one : best));
    const cost = COSTS.find(([key]) => key === state.cost) ?? COSTS[0];
    const keys = keysOf(column.about.task).map(([part, names]) => ({ group: part, options: names.map((name) => [`${part}/${name}`, `${part}/${metricTitle(name)}`]) }));
    keepFocus(controls, () => controls.replaceChildren(
      named("column", select("Task and protocol", columns.map((one) => [one.key, shortName(one)]), column.key, (value) => go({ column: value }))),
      named("metric", select("Metric", keys, `${column.part}/${column.metric}`, (value) => go({ [`m.${column.about.task}`]: value }))),
      named("cost", select("Cost", COSTS, cost[0], (value) => go({ cost: value }))),
      named("data", select("Data", [["real", "Real"], ["demo", "Demo scenes"], ["both", "Both"]], dataShown(), (value) => go({ data: value })))));
    place.replaceChildren(...plotOf(column, cost, place.clientWidth || 800));
    return null;
  };
  new ResizeObserver(() => { if (place.isConnected && Math.abs(place.clientWidth - (place.drawn ?? 0)) > 8) { place.drawn = place.clientWidth; render(); } }).observe(place);
  return render;
}

/** Says which filters of the leaderboard hold here too, with a button that takes them off and then calls ``after``. */
function filterNote(after) {
  const words = filterWords();
  const reset = () => { go({ q: null, protocol: null, kind: null, task: null, paradigm: null, clean: null }); after(); };
  return words.length ? [h("p", { class: "note" }, `Filtered: ${words.join("; ")}. `, h("button", { type: "button", class: "link", on: { click: reset } }, "Take the filters off"))] : [];
}

function pointsOf(column, cost) {
  return shownSubjects().map((subject) => cellAt(column.place, subject, column.part)).filter((cell) => cell && !isHidden(cell)).map((cell) => {
    const about = data.subjects[cell.subject];
    const name = (cell.contaminated ? "⚑ " : "") + shownName(about) + (about.data === "demo" ? " (demo)" : "");
    return { cell, about, name, found: valueOf(cell, column.metric), x: costOf(cell, cost[0]) };
  }).filter((one) => one.found);
}

function plotOf(column, cost, width) {
  const all = pointsOf(column, cost);
  const points = all.filter((one) => one.x !== null && one.x > 0);
  const missing = all.filter((one) => !points.includes(one)).map((one) => one.name);
  const notes = [
    h("p", { class: "note" }, `${columnName(column)}. Bars are 95 % intervals over items; points of equal cost stand side by side. `, h("b", {}, "Hollow"), " points are not comparable with the others: another input size, precision, or drawn scenes.",
      points.some(({ cell }) => cell.contaminated) ? " ⚑ contaminated: the weights were pretrained on images of this task." : ""),
    missing.length ? h("p", { class: "note" }, `No ${cost[1]} is known of ${missing.join("; ")}.`) : "",
  ];
  if (!points.length) return [h("p", { class: "empty" }, "No point has both numbers."), ...notes];
  const frame = { left: 52, right: 16, top: 14, bottom: 46, width, height: Math.round(Math.max(300, Math.min(520, width * 0.62))) };
  const x = logScale(points.map((one) => one.x), frame.left, width - frame.right);
  const y = linearScale(points.flatMap(({ found }) => [found.mean, found.low ?? found.mean, found.high ?? found.mean]), frame.height - frame.bottom, frame.top);
  sideBySide(points, x, frame);
  points.forEach((one) => { one.py = y.at(one.found.mean); });
  placeLabels(points, y, frame);
  for (const one of points) one.said = pointWords(one, column, cost);
  const picture = s("svg", { viewBox: `0 0 ${width} ${frame.height}`, width, height: frame.height, role: "group", "aria-label": `Quality against ${cost[1]}: ${count(points.length, "point")}` },
    axes(frame, x, y, cost[1], `${metricTitle(column.metric)}, ${column.part}, %`, cost[0]),
    points.map((one) => pointNode(one, y)));
  const paradigms = [...PARADIGMS, "unknown"].filter((name) => points.some((one) => (one.about.paradigm || "unknown") === name));
  const legend = h("p", { class: "shapes" }, paradigms.map((name) => h("span", {}, s("svg", { width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true" }, s("path", { d: SHAPES[name], class: `point ${name}` })), ` ${name}`)));
  return [legend, picture, numberedList(points), ...notes];
}

/** What a point is, beginning with what is written beside it. */
function pointWords({ cell, name, number, found, x }, column, [key, title]) {
  return `${number ? `${number}. ` : ""}${name}: ${found.text.mean}${found.low === null ? "" : `, 95 % interval ${interval(found)}`}; ${title} ${costText(key, x)}${cell.contaminated ? "; contaminated" : ""}${cell.out ? `; not comparable: ${cell.out}` : ""}`;
}

/** The names of points that have no room for one, by the numbers beside them. */
function numberedList(points) {
  const listed = points.filter((one) => !one.label || one.number).sort((a, b) => (a.number || Infinity) - (b.number || Infinity));
  return listed.length ? h("ul", { class: "numbered" }, listed.map((one) =>
    h("li", {}, h("button", { type: "button", class: "link", on: { click: () => openCell(one.cell) } }, one.said)))) : "";
}

/** Moves points of the same cost apart, so that their intervals can be told from each other, as far as there is room. */
function sideBySide(points, x, frame) {
  const groups = new Map();
  for (const one of points) {
    const at = Math.round(x.at(one.x));
    groups.set(at, [...(groups.get(at) ?? []), one]);
  }
  for (const [at, group] of groups) {
    const step = Math.min(14, (2 * Math.min(at - frame.left, frame.width - frame.right - at)) / Math.max(1, group.length - 1));
    group.forEach((one, place) => { one.px = at + (place - (group.length - 1) / 2) * step; });
  }
}

function pointNode({ cell, about, found, px, py, said, label, spot, lead }, y) {
  const name = about.paradigm || "unknown";
  const open = (event) => { if (event.type === "click" || event.key === "Enter" || event.key === " ") { event.preventDefault(); openCell(cell); } };
  return s("g", { role: "none" }, s("title", {}, said), // for the mouse; to others the label of the button says it
    s("g", { class: "dot", tabindex: "0", role: "button", "aria-label": said, "data-cell": cellKey(cell), on: { click: open, keydown: open } },
      lead ? s("path", { class: "lead", d: lead }) : "",
      found.low === null ? "" : s("path", { class: `bar ${name}`, d: `M${px},${y.at(found.low)}V${y.at(found.high)}M${px - 3},${y.at(found.low)}h6M${px - 3},${y.at(found.high)}h6` }),
      s("circle", { cx: px, cy: py, r: 11, class: "halo" }),
      s("path", { d: SHAPES[name], transform: `translate(${px},${py})`, class: `point ${name}${cell.out ? " hollow" : ""}` }),
      label ? s("text", { x: spot.x + 2, y: spot.y + 11, class: "name" }, label) : ""));
}
