// Ranks over tasks, with the critical-difference diagram of Demšar (2006).

function ranksView(main) {
  const place = h("div", { class: "plot" });
  main.append(h("h2", {}, "Ranks over tasks"),
    h("p", { class: "note" }, "Methods are ranked within each column and their ranks averaged; 1 is best. Methods under one bar are not shown to differ: their mean ranks are closer than Nemenyi's critical difference."), place);
  const render = () => {
    const found = data.ranks ?? [];
    place.replaceChildren(...(found.length ? found.map((one) => rankingNode(one, place.clientWidth || 800)) : [h("p", { class: "empty" }, "Nothing was measured yet.")]));
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
    h("p", { class: "note" }, `${count(one.names.length, "method")} on ${count(one.tasks, "column")}; Friedman's test p ${one.p < 0.001 ? "below 0.001" : one.p.toFixed(3)}; critical difference ${one.critical_difference.toFixed(2)} at level ${one.alpha}.`),
    differenceDiagram(one, Math.min(width, 760)),
    plainTable(["Method", "Mean rank"], one.names.map((name, at) => [name, one.mean_ranks[at].toFixed(2)])), columns, lacking);
}

function differenceDiagram(one, width) {
  const many = one.names.length;
  const half = Math.ceil(many / 2);
  const [left, right, line] = [width * 0.3, width * 0.7, 58];
  const at = (rank) => left + ((rank - 1) / Math.max(1, many - 1)) * (right - left);
  const bars = line + 14 + one.groups.length * 9;
  const height = bars + half * 20 + 14;
  const short = (name) => (name.length * 6.2 > left - 14 ? `${name.slice(0, Math.floor((left - 14) / 6.2) - 1)}…` : name);
  const method = (name, number) => {
    const first = number < half;
    const y = bars + (first ? number : many - 1 - number) * 20 + 8;
    const end = first ? left - 6 : right + 6;
    return [s("path", { class: "line", d: `M${at(one.mean_ranks[number])},${line}V${y}H${end}` }),
      s("text", { x: first ? end - 4 : end + 4, y: y + 4, "text-anchor": first ? "end" : "start" }, s("title", {}, name), short(name))];
  };
  const every = [1, 2, 5, 10, 20, 50].find((step) => many / step <= 12) ?? 100;
  const ticks = Array.from({ length: many }, (_, number) => number + 1).filter((rank) => rank === 1 || rank % every === 0);
  const end = at(1) + (one.critical_difference / Math.max(1, many - 1)) * (right - left);
  return s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "ranks", "aria-label": `Mean ranks: ${one.names.map((name, number) => `${name} ${one.mean_ranks[number].toFixed(2)}`).join("; ")}` },
    s("path", { class: "line", d: `M${left},${line}H${right}` }),
    ticks.map((rank) => [s("path", { class: "line", d: `M${at(rank)},${line - 5}V${line}` }), s("text", { x: at(rank), y: line - 10, "text-anchor": "middle" }, String(rank))]),
    s("path", { class: "line", d: `M${at(1)},18H${Math.min(end, width - 4)}M${at(1)},14v8M${Math.min(end, width - 4)},14v8` }),
    s("text", { x: at(1), y: 10 }, `critical difference ${one.critical_difference.toFixed(2)}${end > width - 4 ? " (longer than the picture)" : ""}`),
    one.groups.map(([first, last], number) => s("path", { class: "group", d: `M${at(one.mean_ranks[first]) - 4},${line + 9 + number * 9}H${at(one.mean_ranks[last]) + 4}` })),
    one.names.map(method));
}
