// Controls and tables. Text is only ever set as text: nothing that a config says becomes markup.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A labelled select; `options` are [value, text], values of any kind.
function choice(label, options, value, change) {
  const list = element(
    "select",
    { onchange: () => change(options[list.selectedIndex][0]) },
    ...options.map(([each, text]) => element("option", { selected: each === value }, String(text))),
  );
  return element("label", {}, element("span", {}, label), list);
}

function fieldChoices(names) {
  return names.map((name) => [name, words(name)]);
}

// The tolerance: a slider over the grid, and a number that goes to the nearest one of it.
function toleranceControl(k, change) {
  const shown = (i) => String(index.grid[i]);
  const slider = element("input", {
    type: "range",
    min: 0,
    max: index.grid.length - 1,
    step: 1,
    value: k,
    oninput: () => set(slider.valueAsNumber),
  });
  const typed = element("input", {
    type: "number",
    min: index.grid[0],
    max: 1,
    step: "any",
    value: shown(k),
    "aria-label": "Tolerance as a number",
    onchange: () => {
      const [least, most] = [index.grid[0], index.grid.at(-1)];
      const within = typed.valueAsNumber >= least && typed.valueAsNumber < 1;
      set(within ? nearest(typed.valueAsNumber) : slider.valueAsNumber);
      said.textContent = within ? "" : `A number from ${least} to ${most}.`;
    },
  });
  const said = element("small", { class: "refused", role: "status" });
  const set = (i) => {
    slider.value = i;
    typed.value = shown(i);
    said.textContent = "";
    slider.setAttribute("aria-valuetext", shown(i));
    change(i);
  };
  slider.setAttribute("aria-valuetext", shown(k));
  return element(
    "div",
    { class: "slide" },
    element("label", {}, element("span", {}, "Tolerance"), slider),
    typed,
    said,
  );
}

function nearest(tolerance) {
  const distance = (i) => Math.abs(Math.log(index.grid[i] / tolerance));
  return index.grid.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
}

function slideControl(label, values, at, change) {
  const output = element("output", {}, String(values[at]));
  const slider = element("input", {
    type: "range",
    min: 0,
    max: values.length - 1,
    step: 1,
    value: at,
    "aria-valuetext": values[at],
    oninput: () => {
      output.textContent = values[slider.valueAsNumber];
      slider.setAttribute("aria-valuetext", values[slider.valueAsNumber]);
      change(slider.valueAsNumber);
    },
  });
  return element(
    "div",
    { class: "slide" },
    element("label", {}, element("span", {}, label), slider),
    output,
  );
}

const NORMS = [
  ["fro", "Frobenius norm"],
  ["spec", "spectral norm"],
];

const BOTH = [["both", "both norms"], ...NORMS];

function layerChoices(packs) {
  const names = [
    ...new Set(packs.flatMap((name) => index.packs[name].layers.map((each) => each.name))),
  ];
  return [
    ["average", "average, as the papers take it"],
    ["average_all", "average of all matrices"],
    ...names.map((name) => [name, layerWords(name)]),
  ];
}

function layerWords(name) {
  return name.replace(/^layer(\d+)$/, "layer $1");
}

function words(name) {
  return name === "lr"
    ? "learning rate"
    : name === "epoch"
      ? "completed epochs"
      : name.replaceAll("_", " ");
}

// The settings of a run in words: `batch size 16, weight decay 0.01`.
function labelled(row, names) {
  return names.map((name) => `${words(name)} ${row[name]}`).join(", ");
}

function shown(value) {
  return value === null
    ? "no value"
    : typeof value === "number"
      ? String(Number(value.toPrecision(6)))
      : String(value);
}

// The numbers behind a drawing: a table for those who do not see it, and a file with every digit.
function numbers(columns, rows, file) {
  const quoted = (value) =>
    value === null
      ? ""
      : /[",\n]/.test(value)
        ? `"${String(value).replaceAll('"', '""')}"`
        : String(value);
  const csv =
    [columns, ...rows.map((row) => columns.map((name) => row[name]))]
      .map((line) => line.map(quoted).join(","))
      .join("\n") + "\n";
  const cells = (row) => columns.map((name) => element("td", { class: "num" }, shown(row[name])));
  return [
    element(
      "a",
      { href: `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`, download: `${file}.csv` },
      "These numbers (CSV)",
    ),
    element(
      "div",
      { class: "box", role: "region", "aria-label": "Numbers of the drawing", tabindex: 0 },
      element(
        "table",
        {},
        element("caption", { class: "hidden" }, "Numbers of the drawing"),
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ...columns.map((name) => element("th", { scope: "col", class: "num" }, words(name))),
          ),
        ),
        element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))),
      ),
    ),
  ];
}
