// Starts the page and draws what the address asks for.

const VIEWS = [
  ["board", "Leaderboard", boardView],
  ["plot", "Quality and cost", plotView],
  ["ranks", "Ranks", ranksView],
  ["paper", "Paper", paperView],
  ["methods", "Methods", methodsView],
  ["tasks", "Tasks", tasksView],
  ["runs", "Runs", runsView],
  ["left", "Left out", leftView],
];
let mounted = null;
let update = () => {};
let updated = null;

function follow() {
  const then = afterBack;
  afterBack = null;
  readState(location.hash);
  draw();
  then?.();
}

function draw() {
  const view = VIEWS.find(([name]) => name === state.view) ?? VIEWS[0];
  if (mounted !== view[0]) {
    const moved = mounted !== null;
    mounted = view[0];
    updated = null;
    stopGrowing();
    byId("main").replaceChildren();
    update = view[2](byId("main"));
    document.title = view === VIEWS[0] ? data.title : `${view[1]} · ${data.title}`;
    if (moved) scrollTo(0, 0);
  }
  drawNavigation(view[0]);
  if (updated !== address({ cell: null })) { // a panel that opens or closes leaves the view alone, and the focus in it
    updated = address({ cell: null });
    update();
  }
  drawPanel();
}

function drawNavigation(current) {
  const left = data.broken.length + data.plugins.length;
  const links = VIEWS.filter(([name]) => name !== "left" || left).filter(([name]) => name !== "paper" || data.paper).map(([name, title]) =>
    h("a", { href: address({ view: name === "board" ? null : name, card: null, cell: null, sort: null, way: null }), "aria-current": name === current ? "page" : null },
      title, name === "left" ? h("span", { class: "count" }, ` ${left}`) : ""));
  byId("views").replaceChildren(...links);
}

function start() {
  const methods = new Set(data.subjects.map((one) => one.id)).size;
  const tasks = new Set(data.places.map((place) => place.task)).size;
  const runs = data.runs.id?.length ?? 0;
  byId("summary").textContent = runs ? `${count(runs, "run")} of ${count(methods, "method variant")} on ${count(tasks, "task")}; the newest of ${data.newest.slice(0, 10)}` : "No runs yet";
  byId("foot").append(h("p", {}, `Made by rsbench ${data.version} from the records that lie beside this page. It asks no network for anything.`));
  startTheme();
  startPanel();
  document.querySelector(".skip").addEventListener("click", (event) => { // its address would be that of another view
    event.preventDefault();
    byId("main").focus();
  });
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  follow();
}

start();
