// Final rank over two hyper-parameters.
class Plane extends Tool {
  constructor(root) {
    super(root);
    this.figures = Object.fromEntries(
      Object.entries(index.ranks).filter(([, figure]) => figure.fields.length > 1),
    );
    this.choose(this.asked(this.figures, firstOf(this.figures)), true);
  }

  choose(key, first = false) {
    const figure = this.figures[key];
    this.state = {
      key,
      norm: figure.norm,
      k: at(figure),
      layer: "average",
      x: figure.fields[0],
      y: figure.fields[1],
      where: {},
    };
    if (first)
      this.restore({ norm: NORMS.map(([name]) => name), x: figure.fields, y: figure.fields });
    else this.remember();
    return this.offer();
  }

  offer() {
    const { key, norm, k, layer, x, y, where } = this.state;
    const figure = this.figures[key];
    const fields = fieldChoices(figure.fields);
    const rest = figure.fields.filter((name) => name !== x && name !== y);
    const rows = figure.runs.map((run) => settings(figure, run));
    const focused = [...this.controls.elements].indexOf(document.activeElement);
    const axis = (name, other) => (value) => {
      const swapped = value === this.state[other] ? { [other]: this.state[name] } : {};
      Object.assign(this.state, { [name]: value, where: {}, ...swapped });
      return this.offer();
    };
    this.controls.replaceChildren(
      figureChoice(this.figures, key, (value) => this.choose(value)),
      choice("Across", fields, x, axis("x", "y")),
      choice("Down", fields, y, axis("y", "x")),
      ...rest.map((name) =>
        choice(
          words(name),
          [[undefined, "all: the mean"], ...distinct(rows, name).map((value) => [value, value])],
          where[name],
          (value) => this.set({ where: { ...this.state.where, [name]: value } }),
        ),
      ),
      choice("Layer", layerChoices(figure.packs), layer, (value) => this.set({ layer: value })),
      choice("Relative to the", NORMS, norm, (value) => this.set({ norm: value })),
      toleranceControl(k, (value) => this.set({ k: value })),
    );
    this.controls.elements[focused]?.focus();
    return this.draw();
  }

  async compute() {
    const { key, norm, k, layer, x, y, where } = this.state;
    const figure = this.figures[key];
    const all = await rankRows(figure, norm, k, layer, "last");
    const rows = all.filter((row) =>
      Object.entries(where).every(([name, value]) => value === undefined || row[name] === value),
    );
    const found = summary(rows, [y, x]).sort(byKeys([y, x]));
    const tolerance = index.grid[k];
    const averaged = figure.fields.filter(
      (name) => name !== x && name !== y && where[name] === undefined,
    );
    const spec = squares({
      x: { title: words(x), domain: distinct(rows, x) },
      y: { title: words(y), domain: distinct(rows, y) },
      width: this.width,
      colour: {
        title: "rank",
        top: largest(figure, layer),
        tooltip: ["x", "y", "mean", "low", "high", "n"].map((field) => ({
          field,
          title: { x: words(x), y: words(y) }[field] ?? field,
        })),
      },
    });
    return {
      spec,
      rows: found,
      columns: [y, x, "mean", "low", "high", "n"],
      file: `${key.replaceAll("/", "--")}-${x}-${y}-${norm}-${tolerance}`,
      data: {
        rows: found.map((row) => ({
          ...row,
          x: row[x],
          y: row[y],
          text: row.mean === null ? "–" : String(Number(row.mean.toPrecision(3))),
        })),
      },
      description: `Final rank of ${key} over ${words(x)} and ${words(y)}`,
      note: `Final rank at tolerance ${tolerance} of the ${normWords(norm)}, mean over seeds${averaged.length ? ` and over ${averaged.map(words).join(", ")}` : ""}. Empty: not run.`,
    };
  }
}

// One coloured square for each pair, with its number in it.
function squares({ x, y, colour, width }) {
  const place = {
    x: { field: "x", type: "ordinal", sort: x.domain, title: x.title, axis: { labelAngle: -35 } },
    y: { field: "y", type: "ordinal", sort: y.domain, title: y.title },
  };
  return {
    data: { name: "rows" },
    config: { ...look(), axis: { ...look().axis, grid: false } },
    width: Math.min(width - 110, 90 * x.domain.length),
    height: Math.max(120, 44 * y.domain.length),
    encoding: place,
    layer: [
      {
        mark: { type: "rect", stroke: null },
        encoding: {
          color: {
            field: "mean",
            type: "quantitative",
            title: colour.title,
            scale: { scheme: "cividis", domain: [0, colour.top] },
          },
          tooltip: colour.tooltip,
        },
      },
      {
        mark: { type: "text", fontSize: 12 },
        encoding: {
          text: { field: "text", type: "nominal" },
          color: {
            condition: { test: `datum.mean > ${colour.top / 2}`, value: "#000" },
            value: "#fff",
          },
        },
      },
    ],
  };
}
