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
  const place = h("div", { class: "plot" });
  main.append(h("h2", {}, "Quality against cost"), controls, place);
  const render = () => {
    const columns = shownPlaces().map(columnOf).filter((column) => [...cellsOf[column.place].values()].flat().some((cell) => cell.mean));
    if (!columns.length) return place.replaceChildren(h("p", { class: "empty" }, "Nothing was measured that fits the filters."));
    const column = columns.find((one) => one.key === state.column) ?? columns.reduce((best, one) => (cellsOf[one.place].size > cellsOf[best.place].size ? one : best));
    const cost = COSTS.find(([key]) => key === state.cost) ?? COSTS[0];
    const keys = keysOf(column.about.task).map(([part, names]) => ({ group: part, options: names.map((name) => [`${part}/${name}`, `${part}/${metricTitle(name)}`]) }));
    controls.replaceChildren(
      select("Task and protocol", columns.map((one) => [one.key, shortName(one)]), column.key, (value) => go({ column: value })),
      select("Metric", keys, `${column.part}/${column.metric}`, (value) => go({ [`m.${column.about.task}`]: value })),
      select("Cost", COSTS, cost[0], (value) => go({ cost: value })),
      select("Data", [["real", "Real"], ["demo", "Demo scenes"], ["both", "Both"]], dataShown(), (value) => go({ data: value })));
    place.replaceChildren(...plotOf(column, cost, place.clientWidth || 800));
    return null;
  };
  new ResizeObserver(() => { if (place.isConnected && Math.abs(place.clientWidth - (place.drawn ?? 0)) > 8) { place.drawn = place.clientWidth; render(); } }).observe(place);
  return render;
}

function pointsOf(column, cost) {
  return shownSubjects().map((subject) => cellAt(column.place, subject, column.part)).filter(Boolean).map((cell) => ({
    cell, about: data.subjects[cell.subject], found: valueOf(cell, column.metric), x: costOf(cell, cost[0]),
  })).filter((one) => one.found);
}

function plotOf(column, cost, width) {
  const all = pointsOf(column, cost);
  const points = all.filter((one) => one.x !== null && one.x > 0);
  const missing = all.filter((one) => !points.includes(one)).map((one) => one.about.title);
  const notes = [
    h("p", { class: "note" }, `${columnName(column)}. Bars are 95 % intervals over items; points of equal cost stand side by side. `, h("b", {}, "Hollow"), " points are not comparable with the others: another input size, precision, or drawn scenes."),
    missing.length ? h("p", { class: "note" }, `No ${cost[1]} is known of ${missing.join("; ")}.`) : "",
  ];
  if (!points.length) return [h("p", { class: "empty" }, "No point has both numbers."), ...notes];
  const frame = { left: 52, right: 16, top: 14, bottom: 46, width, height: Math.round(Math.max(300, Math.min(520, width * 0.62))) };
  const x = logScale(points.map((one) => one.x), frame.left, width - frame.right);
  const y = linearScale(points.flatMap(({ found }) => [found.mean, found.low ?? found.mean, found.high ?? found.mean]), frame.height - frame.bottom, frame.top);
  sideBySide(points, x);
  const taken = points.flatMap(({ px, found }) => [{ x: px - 8, y: y.at(found.mean) - 8, w: 16, h: 16 },
    ...(found.low === null ? [] : [{ x: px - 3, y: y.at(found.high), w: 6, h: y.at(found.low) - y.at(found.high) }])]);
  const picture = s("svg", { viewBox: `0 0 ${width} ${frame.height}`, width, height: frame.height, role: "group", "aria-label": `Quality against ${cost[1]}: ${count(points.length, "point")}` },
    axes(frame, x, y, cost[1], `${metricTitle(column.metric)}, ${column.part}, %`, cost[0]),
    points.map((one) => pointNode(one, column, cost, y, frame, taken)));
  const paradigms = [...PARADIGMS, "unknown"].filter((name) => points.some((one) => (one.about.paradigm || "unknown") === name));
  const legend = h("p", { class: "shapes" }, paradigms.map((name) => h("span", {}, s("svg", { width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true" }, s("path", { d: SHAPES[name], class: `point ${name}` })), ` ${name}`)));
  return [legend, picture, ...notes];
}

/** Moves points of the same cost apart, so that their intervals can be told from each other. */
function sideBySide(points, x) {
  const groups = new Map();
  for (const one of points) {
    const at = Math.round(x.at(one.x));
    groups.set(at, [...(groups.get(at) ?? []), one]);
  }
  for (const [at, group] of groups) group.forEach((one, place) => { one.px = at + (place - (group.length - 1) / 2) * 14; });
}

function pointNode({ cell, about, found, px, x: cost }, column, [key, title], y, frame, taken) {
  const py = y.at(found.mean);
  const name = about.paradigm || "unknown";
  const said = `${about.title}: ${number(found.mean, column.digits)}${found.low === null ? "" : `, 95 % interval ${interval(found, column.digits)}`}; ${title} ${costText(key, cost)}${cell.out ? `; not comparable: ${cell.out}` : ""}`;
  const open = (event) => { if (event.type === "click" || event.key === "Enter" || event.key === " ") { event.preventDefault(); openCell(cell); } };
  const label = about.title.replace(", re-implemented", " (re-impl.)") + (about.data === "demo" ? " (demo)" : "");
  return s("g", { class: "dot", tabindex: "0", role: "button", "aria-label": said, on: { click: open, keydown: open } },
    s("title", {}, said),
    found.low === null ? "" : s("path", { class: `bar ${name}`, d: `M${px},${y.at(found.low)}V${y.at(found.high)}M${px - 3},${y.at(found.low)}h6M${px - 3},${y.at(found.high)}h6` }),
    s("circle", { cx: px, cy: py, r: 11, class: "halo" }),
    s("path", { d: SHAPES[name], transform: `translate(${px},${py})`, class: `point ${name}${cell.out ? " hollow" : ""}` }),
    labelNode(label, px, py, frame, taken));
}

/** Puts a label where it hides no point and no other label, if there is such a spot near its point. */
function labelNode(label, px, py, frame, taken) {
  const w = label.length * 6.4;
  const spots = [[10, 4], [-10 - w, 4], [-w / 2, -12], [-w / 2, 22], [10, -10], [-10 - w, -10], [10, 18], [-10 - w, 18], [10, -24], [-10 - w, -24], [10, 32], [-10 - w, 32]]
    .map(([dx, dy]) => ({ x: px + dx, y: py + dy - 10, w, h: 13 }))
    .filter((spot) => spot.x > frame.left && spot.x + w < frame.width - 2 && spot.y > 0 && spot.y + 13 < frame.height - frame.bottom);
  const free = spots.find((spot) => !taken.some((one) => spot.x < one.x + one.w && one.x < spot.x + spot.w && spot.y < one.y + one.h && one.y < spot.y + spot.h));
  const spot = free ?? spots[0];
  if (!spot) return "";
  taken.push(spot);
  return s("text", { x: spot.x, y: spot.y + 10, class: "name" }, label);
}
