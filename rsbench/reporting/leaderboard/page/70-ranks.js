// Ranks over tasks, with the critical-difference diagram of Demšar (2006).

function ranksView(main) {
  const place = h("div", { class: "plot" });
  main.append(h("h2", {}, "Ranks over tasks"),
    h("p", { class: "note" }, "Methods are ranked within each column and their ranks averaged; 1 is best. Methods under one bar are not shown to differ: their mean ranks are closer than Nemenyi's critical difference."), place);
  const render = () => {
    const found = data.ranks ?? [];
    const filtered = filterWords().length ? [h("p", { class: "note" }, "The filters of the leaderboard do not change these ranks.")] : [];
    place.replaceChildren(...filtered, ...(found.length ? found.map((one) => rankingNode(one, place.clientWidth || 800)) : [h("p", { class: "empty" }, "Nothing was measured yet.")]));
  };
  new ResizeObserver(() => { if (place.isConnected && Math.abs(place.clientWidth - (place.drawn ?? 0)) > 8) { place.drawn = place.clientWidth; render(); } }).observe(place);
  return render;
}

function rankingNode(one, width) {
  const title = h("h3", {}, one.title);
  const lacking = one.left_out.length ? h("details", {}, h("summary", {}, `${count(one.left_out.length, "method")} left out`), h("ul", {}, one.left_out.map(([name, tasks]) => h("li", {}, `${name}: not measured on ${tasks}`)))) : "";
  const columns = one.columns.length ? h("details", {}, h("summary", {}, count(one.columns.length, "column")), h("ul", {}, one.columns.map((name) => h("li", {}, name)))) : "";
  if (!one.names) return h("section", {}, title, h("p", {}, `No ranks: ${one.why_not}.`), columns);
  return h("section", {}, title,
    h("p", { class: "note" }, `${count(one.names.length, "method")} on ${count(one.tasks, "column")}; Friedman's test p ${one.p}; critical difference ${one.critical_difference.toFixed(2)} at level ${one.alpha}.`),
    one.shown ? "" : h("p", {}, h("b", {}, "No difference shown"), ` between these methods: Friedman's test does not reject at ${one.alpha} that all are alike, so one bar joins them all.`),
    differenceDiagram(one, Math.min(width, 760)),
    plainTable(`Mean ranks: ${one.title}`, ["Method", "Mean rank"], one.names.map((name, at) => [name, one.printed[at]])), columns, lacking);
}

function differenceDiagram(one, width) {
  const many = one.names.length;
  const half = Math.ceil(many / 2);
  const side = Math.min(Math.max(...one.names.map(labelWidth)) + 16, width * 0.36);
  const names = one.names.map((name) => linesOf(name, side - 14));
  const [left, right, line] = [side, width - side, 58];
  const at = (rank) => left + ((rank - 1) / Math.max(1, many - 1)) * (right - left);
  const groups = one.shown ? one.groups : [[0, many - 1]];
  const bars = line + 14 + groups.length * 9;
  // The best half stands on the left from the top, the others on the right from the bottom: no line crosses another.
  const heights = (numbers) => numbers.reduce((tops, number) => [...tops, tops.at(-1) + names[number].length * 14 + 6], [bars]);
  const [first, second] = [one.names.map((_, number) => number).slice(0, half), one.names.map((_, number) => number).slice(half).reverse()];
  const [tops, others] = [heights(first), heights(second)];
  const height = Math.max(tops.at(-1), others.at(-1)) + 4;
  const method = (number, start, onLeft) => {
    const y = start + 8;
    const end = onLeft ? left - 6 : right + 6;
    const x = onLeft ? end - 4 : end + 4;
    return [s("path", { class: "line", d: `M${at(one.mean_ranks[number])},${line}V${y}H${end}` }),
      s("text", { y: y + 4, "text-anchor": onLeft ? "end" : "start" }, names[number].map((words, row) => s("tspan", { x, dy: row ? 14 : 0 }, words)))];
  };
  const every = [1, 2, 5, 10, 20, 50].find((step) => many / step <= 12) ?? 100;
  const ticks = Array.from({ length: many }, (_, number) => number + 1).filter((rank) => rank === 1 || rank % every === 0);
  const end = at(1) + (one.critical_difference / Math.max(1, many - 1)) * (right - left);
  const words = `critical difference ${one.critical_difference.toFixed(2)}${end > width - 4 ? " (longer than the picture)" : ""}`;
  return s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "ranks", "aria-label": `${one.title}, mean ranks: ${one.names.map((name, number) => `${name} ${one.printed[number]}`).join("; ")}` },
    s("path", { class: "line", d: `M${left},${line}H${right}` }),
    ticks.map((rank) => [s("path", { class: "line", d: `M${at(rank)},${line - 5}V${line}` }), s("text", { x: at(rank), y: line - 10, "text-anchor": "middle" }, String(rank))]),
    s("path", { class: "line", d: `M${at(1)},18H${Math.min(end, width - 4)}M${at(1)},14v8M${Math.min(end, width - 4)},14v8` }),
    s("text", { x: Math.min(at(1), width - labelWidth(words)), y: 10 }, words),
    groups.map(([from, to], number) => s("path", { class: "group", d: `M${at(one.mean_ranks[from]) - 4},${line + 9 + number * 9}H${at(one.mean_ranks[to]) + 4}` })),
    first.map((number, row) => method(number, tops[row], true)), second.map((number, row) => method(number, others[row], false)));
}
