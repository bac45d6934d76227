// Collapse metrics over epochs, of runs picked from a list.
class Curves extends Tool {
  constructor(root) {
    super(root);
    this.choose(this.asked(index.curves, Object.keys(index.curves)[0]), true);
  }

  choose(key, first = false) {
    const figure = index.curves[key];
    const runs = new Set(withDecay(figure));
    this.state = { key, metric: figure.metrics[0], log: true, runs };
    if (first) this.restore({ metric: figure.metrics, log: [true, false] });
    else this.remember();
    this.offer();
    return this.draw();
  }

  offer() {
    const { key, metric, log, runs } = this.state;
    const figure = index.curves[key];
    const boxes = figure.runs.map((run, i) =>
      element(
        "label",
        {},
        element("input", {
          type: "checkbox",
          checked: runs.has(i),
          onchange: (event) => {
            event.target.checked ? runs.add(i) : runs.delete(i);
            this.draw();
          },
        }),
        this.name(i),
      ),
    );
    const every = (chosen) => () => {
      figure.runs.forEach((_, i) => (chosen ? runs.add(i) : runs.delete(i)));
      for (const box of boxes) box.firstChild.checked = chosen;
      this.draw();
    };
    this.controls.replaceChildren(
      figureChoice(index.curves, key, (value) => this.choose(value)),
      choice("Quantity", fieldChoices(figure.metrics), metric, (value) =>
        this.set({ metric: value }),
      ),
      choice(
        "Axis",
        [
          [true, "logarithmic"],
          [false, "linear"],
        ],
        log,
        (value) => this.set({ log: value }),
      ),
      element(
        "fieldset",
        {},
        element("legend", {}, "Runs"),
        element(
          "p",
          {},
          element("button", { type: "button", onclick: every(true) }, "All"),
          " ",
          element("button", { type: "button", onclick: every(false) }, "None"),
        ),
        element(
          "div",
          { class: "runs", tabindex: 0, role: "group", "aria-label": "Runs" },
          ...boxes,
        ),
      ),
    );
  }

  name(i, fields) {
    const figure = index.curves[this.state.key];
    return labelled(settings(figure, figure.runs[i]), fields ?? [...figure.fields, "seed"]);
  }

  // A name for each run that is picked, of what differs between them: short enough for a legend.
  names() {
    const figure = index.curves[this.state.key];
    const picked = [...this.state.runs].sort((a, b) => a - b);
    const rows = picked.map((i) => settings(figure, figure.runs[i]));
    const fields = [...figure.fields, "seed"].filter((name) => distinct(rows, name).length > 1);
    return new Map(picked.map((i) => [i, this.name(i, fields.length ? fields : undefined)]));
  }

  async compute() {
    const { key, metric, log, runs } = this.state;
    const figure = index.curves[key];
    const all = await block(`curves-${figure.block}`, (bytes) =>
      JSON.parse(new TextDecoder().decode(bytes)),
    );
    const names = this.names();
    const rows = all[metric]
      .filter(([run]) => runs.has(run))
      .map(([run, epoch, value]) => ({
        run: figure.runs[run].run,
        series: names.get(run),
        epoch,
        value,
      }));
    const drawn = rows.map((row) => ({
      x: row.epoch,
      mean: log && !(row.value > 0) ? null : row.value,
      colour: row.series,
      facet: "",
    }));
    const spec = lines({
      x: { field: "x", type: "quantitative", title: words("epoch"), axis: { tickMinStep: 1 } },
      width: this.width,
      band: false,
      y: {
        type: "quantitative",
        title: words(metric),
        scale: log ? { type: "log" } : { zero: false },
        axis: { tickCount: 6 },
      },
      colour: {
        title: "",
        room: 320,
        domain: [...names.values()],
      },
      facets: [""],
      tooltip: [
        { field: "colour", title: "run" },
        { field: "x", title: words("epoch") },
        { field: "mean", title: words(metric) },
      ],
    });
    const left = log ? drawn.filter((row) => row.mean === null).length : 0;
    return {
      spec,
      data: { rows: drawn },
      rows,
      columns: ["run", "series", "epoch", "value"],
      file: `${key.replace("/", "--")}-${metric}`,
      description: `${words(metric)} of ${key} against completed epochs, ${runs.size} runs`,
      note: `${words(metric)} of ${runs.size} of ${figure.runs.length} runs.${left ? ` ${left} values are missing or not positive: a logarithmic axis has no place for them.` : ""}`,
    };
  }
}

// Two runs with the most weight decay and two with the least: what decay does to collapse.
function withDecay(figure) {
  const at = figure.fields.indexOf("weight_decay");
  const order = [...figure.runs.keys()];
  if (at >= 0) order.sort((a, b) => figure.runs[b].values[at] - figure.runs[a].values[at]);
  return order.length > 4 ? [...order.slice(0, 2), ...order.slice(-2)] : order;
}
