// Scales and axes of the pictures.

function linearScale(values, from, to) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) * 0.1 || 1) * 0.08;
  [low, high] = [Math.max(low < 0 ? -Infinity : 0, low - room), high + room];
  const step = niceStep((high - low) / 6);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return { ticks, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 2.5, 5, 10].find((one) => one * power >= raw * 0.999);
}

function logScale(values, from, to) {
  const room = 1.35;
  const [low, high] = [Math.log10(Math.min(...values) / room), Math.log10(Math.max(...values) * room)];
  const ticks = [];
  const steps = high - low > 2.5 ? [1] : high - low > 0.9 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const one of steps) {
      const tick = one * 10 ** power;
      if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(tick);
    }
  }
  return { ticks, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

function axes(frame, x, y, xTitle, yTitle, cost) {
  const [left, right, bottom, top] = [frame.left, frame.width - frame.right, frame.height - frame.bottom, frame.top];
  return s("g", { class: "axes", "aria-hidden": "true" },
    y.ticks.map((tick) => [s("path", { class: "grid", d: `M${left},${y.at(tick)}H${right}` }), s("text", { x: left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, String(tick))]),
    x.ticks.map((tick) => [s("path", { class: "grid", d: `M${x.at(tick)},${top}V${bottom}` }), s("text", { x: x.at(tick), y: bottom + 17, "text-anchor": "middle" }, tickText(cost, tick))]),
    s("path", { class: "line", d: `M${left},${top}V${bottom}H${right}` }),
    s("text", { x: (left + right) / 2, y: frame.height - 8, "text-anchor": "middle", class: "title" }, `${xTitle} (logarithmic)`),
    s("text", { x: 0, y: 0, "text-anchor": "middle", class: "title", transform: `translate(13,${(top + bottom) / 2}) rotate(-90)` }, yTitle));
}

function tickText(cost, tick) {
  const plain = Number(tick.toPrecision(3));
  if (cost === "parameters" && plain >= 1e6) return `${plain / 1e6} M`;
  return plain >= 1e4 ? plain.toLocaleString("en") : String(plain);
}
