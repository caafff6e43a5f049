// Cards of methods and of tasks.

function methodsView(main) {
  return cardsView(main, "Methods", data.methods, (name, card) => `${name} ${card.title} ${card.paradigm} ${Object.keys(card.variants).join(" ")}`, methodCard,
    new Set(data.subjects.map((one) => one.method)));
}

function tasksView(main) {
  return cardsView(main, "Tasks", data.tasks, (name, card) => `${name} ${card.title} ${card.kind}`, taskCard, new Set(data.places.map((place) => place.task)));
}

function cardsView(main, title, cards, words, make, measured) {
  const list = h("div", { class: "cards" });
  const search = h("input", { type: "search", autocomplete: "off", on: { input: (event) => go({ cq: event.target.value, card: null }) } });
  main.append(h("h2", {}, title), h("form", { class: "controls", on: { submit: (event) => event.preventDefault() } }, h("label", { class: "search" }, h("span", {}, "Search"), search)), list);
  let [last, at] = [null, null];
  return () => {
    if (document.activeElement !== search) search.value = state.cq ?? "";
    const wanted = (state.cq ?? "").toLowerCase();
    if (last !== wanted) {
      last = wanted;
      const names = Object.keys(cards).filter((name) => words(name, cards[name]).toLowerCase().includes(wanted));
      names.sort((a, b) => measured.has(b) - measured.has(a) || compareText(cards[a].title, cards[b].title));
      list.replaceChildren(...(names.length ? names.map((name) => h("article", { id: `card-${name}`, tabindex: "-1" }, make(name, cards[name], measured.has(name)))) : [h("p", { class: "empty" }, "No card fits.")]));
    }
    if (state.card && at !== state.card) {
      const card = byId(`card-${state.card}`);
      card?.scrollIntoView();
      card?.focus({ preventScroll: true });
    }
    at = state.card;
  };
}

const cited = (card, what) => (card.citation ? h("details", {}, h("summary", {}, "BibTeX"), copyable(card.citation, `the citation of ${what}`)) : "");
const chips = (...texts) => h("p", { class: "chips" }, texts.filter(Boolean).map((one) => h("span", {}, one)));

function methodCard(name, card, measured) {
  const variants = Object.entries(card.variants);
  return [
    h("h3", {}, card.title, " ", h("code", {}, name)),
    chips(card.paradigm, card.remade ? "re-implemented" : "", measured ? "measured here" : "not measured here"),
    facts([["Paper", outward(card.paper)], ["Code", outward(card.code)], ["Licence of the code", card.licence || (card.code ? "unknown" : "")]]),
    variants.map(([variant, one]) => h("section", { class: "variant" },
      h("h4", {}, h("code", {}, `${name}/${variant}`), one.default && variants.length > 1 ? " default" : ""),
      facts([["Backbone", one.backbone || one.architecture], ["Input", `${one.input} px`], ["Weights", one.source], ["Licence of the weights", one.licence || (one.source === "random" ? "" : "unknown")],
        ["Terms", one.terms], ["Pretraining data", one.data.join(", ")], ["Contaminated for", contaminatedTasks(one).join(", ")], ["Note", one.note]]))),
    card.questions.length ? h("section", {}, h("h4", {}, "Open questions"), h("ul", {}, card.questions.map((one) => h("li", {}, one)))) : "",
    cited(card, card.title),
  ];
}

/** Tasks whose images the weights have seen. */
function contaminatedTasks(variant) {
  return [...new Set(variant.data.map((one) => one.split("/")[0]))].filter((name) => data.tasks[name]).map(taskTitle);
}

function taskCard(name, card, measured) {
  const counts = (split) => Object.entries(split.counts).map(([part, many]) => `${many.toLocaleString("en")} ${part}`).join(", ");
  return [
    h("h3", {}, card.title, " ", h("code", {}, name)),
    chips(KINDS[card.kind] ?? card.kind, count(card.classes.length, "class", "classes"), measured ? "measured here" : "not measured here"),
    facts([["Ranked by", card.rank], ["Metrics", card.metrics.join(", ")], ["Trained on", card.train], ["Reported on", card.report.join(", ")], ["Licence", card.licence || "unknown"], ["Source", outward(card.url)], ["Note", card.note]]),
    card.splits.map((split) => h("section", { class: "variant" }, h("h4", {}, "Split ", h("code", {}, split.name)), facts([["Images", counts(split)], ["Origin", split.origin], ["SHA-256 of the list", split.sha256 ? h("code", {}, split.sha256) : ""]]))),
    h("details", {}, h("summary", {}, count(card.protocols.length, "protocol")), card.protocols.map((one) => h("section", { class: "variant" },
      h("h4", {}, h("code", {}, one.name)), h("p", {}, one.description),
      facts(Object.entries(one.settings).map(([key, value]) => [key, [value, one.assumed.includes(key) ? h("em", {}, " assumed") : ""]]), "facts settings")))),
    h("details", {}, h("summary", {}, "Classes"), h("p", {}, card.classes.map(([, title]) => title).join(", "))),
    cited(card, card.title),
  ];
}
