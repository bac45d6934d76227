// Tables of runs and packs, built when they are opened: the provenance of every number.
function table(label, head, rows) {
  const heads = head.map(([name, kind]) => element("th", { scope: "col", class: kind }, name));
  const body = rows.map(({ id, cells }) =>
    element(
      "tr",
      id ? { id } : {},
      ...cells.map((cell, i) =>
        i
          ? element("td", { class: head[i][1] }, cell)
          : element("th", { scope: "row", class: head[i][1] }, cell),
      ),
    ),
  );
  return element(
    "div",
    { class: "box", role: "region", "aria-label": label, tabindex: 0 },
    element(
      "table",
      {},
      element("caption", { class: "hidden" }, label),
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...body),
    ),
  );
}

async function runTable(name) {
  const [{ varying, shared, rows }, packs] = await Promise.all([
    block(name, asJson),
    block("packs", asJson),
  ]);
  const head = [
    ["Run", "id"],
    ["Seed", "num"],
    ...varying.map((field) => [field, "num"]),
    ["Pack", "id"],
    ["Seconds of the pack", "num"],
    ["Device", "id"],
    ["Diverged", "id"],
  ];
  const cells = ([run, seed, values, pack, diverged]) => {
    const { trained } = packs[pack];
    const link = element("a", { href: `#pack-${pack}` }, pack);
    const when = diverged === null ? "not measured" : diverged ? `at step ${diverged}` : "no";
    return [
      run,
      String(seed),
      ...values,
      link,
      trained ? trained.seconds.toFixed(1) : "not trained",
      trained?.device ?? "",
      when,
    ];
  };
  const said = Object.entries(shared).map(([field, value]) => `${field}=${value}`);
  return [
    ...(said.length
      ? [element("p", { class: "shared" }, "All have ", element("code", {}, said.join(", ")), ".")]
      : []),
    table(
      `Runs of ${name.replace("runs-", "")}, with the fields that vary between them`,
      head,
      rows.map((row) => ({ cells: cells(row) })),
    ),
  ];
}

async function packTable() {
  const packs = await block("packs", asJson);
  const head = [
    ["Pack", "id"],
    ["Runs", "num"],
    ["Seconds", "num"],
    ["Threads", "num"],
    ["Machine", "words"],
    ["Commit", "id"],
    ["Versions", "id"],
  ];
  const rows = Object.entries(packs).map(([name, { runs, trained }]) => ({
    id: `pack-${name}`,
    cells: [
      name,
      String(runs),
      ...(trained
        ? [
            `${trained.seconds.toFixed(1)}${trained.resumed ? " after a resume" : ""}`,
            String(trained.threads),
            trained.machine,
            trained.commit,
            trained.versions,
          ]
        : ["not trained", "", "", "", ""]),
    ],
  }));
  return [table("Every pack and where it was trained", head, rows)];
}

async function fillTable(details) {
  const target = details.querySelector(".table");
  if (target.dataset.filled) return;
  target.dataset.filled = "yes";
  const { runs } = details.dataset;
  target.replaceChildren(...(await (runs ? runTable(runs) : packTable())));
}
