// The paper: its tables with what was measured beside them, and the audit of its claims.

function paperView(main) {
  main.append(h("h2", {}, "The CtxMIM paper"), h("p", { class: "empty" }, "No table."));
  return () => {};
}
