// What is shown stands in the address, behind #, so that every view can be linked and the back button works.

const state = {};

function readState(hash) {
  for (const key of Object.keys(state)) delete state[key];
  for (const [key, value] of new URLSearchParams(hash.slice(1))) state[key] = value;
}

/** The address of this page with some keys changed; null takes one out. */
function address(changes) {
  const next = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...state, ...changes })) if (value !== null && value !== "") next.set(key, value);
  return `#${next}`;
}

/** Shows another state: with a step in the history for panels, which closing takes back; without one for filters. */
function go(changes, { step = false } = {}) {
  const next = address(changes);
  if (next === address({})) return;
  try {
    if (step) history.pushState({ step: true }, "", next);
    else history.replaceState(history.state, "", next);
  } catch { /* a browser that allows few changes a minute: the view changes, its address follows with the next one */ }
  readState(next);
  draw();
}

/** Which data are shown at first: real ones if there are any. */
const dataShown = () => state.data ?? (data.subjects.some((one) => one.data === "real") || !data.subjects.length ? "real" : "demo");
const shows = (subject) => dataShown() === "both" || subject.data === dataShown();

const THEMES = [["", "System colours"], ["light", "Light"], ["dark", "Dark"]];

/** The colours are the reader's, not the view's: kept by the browser where it can. */
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  byId("theme").textContent = THEMES.find(([own]) => own === theme)[1];
  byId("theme").setAttribute("aria-label", `Colours: ${byId("theme").textContent}. Change`);
  try {
    localStorage.setItem("rsbench-theme", theme);
  } catch { /* a browser without storage forgets it */ }
}

function startTheme() {
  let theme = "";
  try {
    theme = localStorage.getItem("rsbench-theme") ?? "";
  } catch { /* as above */ }
  const known = THEMES.map(([own]) => own);
  setTheme(known.includes(theme) ? theme : "");
  byId("theme").addEventListener("click", () => {
    setTheme(known[(known.indexOf(document.documentElement.dataset.theme ?? "") + 1) % known.length]);
  });
}
