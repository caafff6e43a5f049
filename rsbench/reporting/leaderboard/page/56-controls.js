// The filters of the leaderboard, each of which is a key of the state.

function boardControls(form, save) {
  const used = (read) => [...new Set(data.places.map(read))];
  const kinds = used((place) => place.kind).map((kind) => [kind, KINDS[kind] ?? kind]);
  const protocols = used((place) => place.protocol).sort().map((name) => [name, name]);
  const paradigms = [...new Set(data.subjects.map((one) => one.paradigm).filter(Boolean))].sort((a, b) => PARADIGMS.indexOf(a) - PARADIGMS.indexOf(b)).map((name) => [name, name]);
  const search = h("input", { type: "search", name: "q", placeholder: "method, backbone …", autocomplete: "off", on: { input: (event) => go({ q: event.target.value }) } });
  form.append(
    h("label", { class: "search" }, h("span", {}, "Search"), search),
    named("protocol", select("Protocol", [["", "All protocols"], ...protocols], "", (value) => go({ protocol: value }))),
    named("kind", select("Task kind", [["", "All kinds"], ...kinds], "", (value) => go({ kind: value }))),
    named("paradigm", select("Paradigm", [["", "All paradigms"], ...paradigms], "", (value) => go({ paradigm: value }))),
    named("data", select("Data", [["real", "Real"], ["demo", "Demo scenes"], ["both", "Both"]], "", (value) => go({ data: value }))),
    named("clean", checkbox("Hide contaminated", false, (on) => go({ clean: on ? "1" : "" }))),
    h("details", { class: "metrics" }, h("summary", {}, "Metrics"), h("div", {}, used((place) => place.task).map(metricChoice))),
    h("span", { class: "actions" },
      h("button", { type: "button", on: { click: resetFilters } }, "Reset"),
      h("button", { type: "button", on: { click: save } }, "Export CSV")));
}

function named(name, label) {
  label.querySelector("select, input").name = name;
  return label;
}

function metricChoice(task) {
  const groups = keysOf(task).map(([part, names]) => ({ group: part, options: names.map((name) => [`${part}/${name}`, `${part}/${metricTitle(name)}`]) }));
  if (!groups.length) return null;
  return named(`m.${task}`, select(taskTitle(task), groups, "", (value) => go({ [`m.${task}`]: value === data.tasks[task]?.rank ? "" : value })));
}

function resetFilters() {
  const kept = Object.fromEntries(Object.keys(state).filter((key) => key !== "view").map((key) => [key, null]));
  go(kept);
}

/** Shows the state in the filters, but for the one that the reader writes in. */
function boardSync(form) {
  const tasks = new Set(shownPlaces().map((place) => data.places[place].task));
  for (const field of form.querySelectorAll('select[name^="m."]')) field.parentElement.hidden = !tasks.has(field.name.slice(2));
  for (const field of form.elements) {
    if (!field.name || field === document.activeElement && field.type === "search") continue;
    if (field.type === "checkbox") field.checked = state[field.name] === "1";
    else if (field.name === "data") field.value = dataShown();
    else if (field.name.startsWith("m.")) field.value = state[field.name] ?? data.tasks[field.name.slice(2)]?.rank ?? field.value;
    else field.value = state[field.name] ?? "";
  }
}
