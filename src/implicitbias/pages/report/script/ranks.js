// A rank figure, redrawn at any tolerance.
class Ranks extends Tool {
  constructor(root, key) {
    super(root);
    this.fixed = key;
    this.choose(key ?? Object.keys(index.ranks)[0]);
  }

  choose(key) {
    const figure = index.ranks[key];
    const colour = figure.fields.filter((name) => name !== figure.x)[0] ?? "";
    this.state = { key, norm: figure.norm, k: at(figure), layer: "average", x: figure.x, colour };
    this.offer();
    return this.draw();
  }

  offer() {
    const { key, norm, k, layer, x, colour } = this.state;
    const figure = index.ranks[key];
    const others = figure.fields.filter((name) => name !== x);
    this.controls.replaceChildren(
      ...(this.fixed ? [] : [figureChoice(index.ranks, key, (value) => this.choose(value))]),
      toleranceControl(k, (value) => this.set({ k: value })),
      choice("Relative to the", NORMS, norm, (value) => this.set({ norm: value })),
      choice("Layer", layerChoices(figure.packs), layer, (value) => this.set({ layer: value })),
      choice("Against", fieldChoices([...figure.fields, "epoch"]), x, (value) =>
        this.axis({ x: value }),
      ),
      ...(others.length
        ? [choice("Colour", fieldChoices(others), colour, (value) => this.set({ colour: value }))]
        : []),
    );
  }

  // Another x axis leaves other fields to colour by; the focus stays where it was.
  axis({ x }) {
    const others = index.ranks[this.state.key].fields.filter((name) => name !== x);
    this.state = {
      ...this.state,
      x,
      colour: others.includes(this.state.colour) ? this.state.colour : (others[0] ?? ""),
    };
    const focused = [...this.controls.elements].indexOf(document.activeElement);
    this.offer();
    this.controls.elements[focused]?.focus();
    return this.draw();
  }

  async compute() {
    const { key, norm, k, layer, x, colour } = this.state;
    const figure = index.ranks[key];
    const rows = await rankRows(figure, norm, k, layer, x === "epoch");
    const rest = figure.fields.filter((name) => name !== x && name !== colour);
    const keys = [...figure.fields.filter((name) => name !== x), x];
    const found = summary(rows, keys).sort(byKeys(keys));
    const drawn = found.map((row) => ({
      ...row,
      x: row[x],
      colour: colour ? String(row[colour]) : "",
      facet: labelled(row, rest),
    }));
    const tolerance = index.grid[k];
    const own = figure.own.some(([n, t]) => n === norm && t === tolerance);
    const y = {
      type: "quantitative",
      title: "rank",
      scale: { domain: [0, largest(figure, layer)] },
    };
    const tooltip = ["x", "mean", "low", "high", "n"].map((field) => ({
      field,
      title: field === "x" ? words(x) : field,
    }));
    const spec = lines({
      x: axisOf(found, x, "x"),
      y,
      tooltip,
      width: this.width,
      colour: {
        title: colour ? words(colour) : "",
        domain: distinct(found, colour || x)
          .map((v) => (colour ? String(v) : ""))
          .slice(0, colour ? undefined : 1),
      },
      facets: [...new Set(drawn.toSorted(byKeys(rest)).map((row) => row.facet))],
    });
    const which = layerChoices(figure.packs).find(([name]) => name === layer)[1];
    const description = `Rank of ${key} at tolerance ${tolerance} of the ${normWords(norm)}, ${which}, against ${words(x)}`;
    const note =
      `Tolerance ${tolerance} of the ${normWords(norm)}${own ? ", one of those of the figure itself" : ""}. ` +
      `${x === "epoch" ? "Every record" : "Last record"} of ${figure.runs.length} runs; line: mean over seeds; band: smallest to largest.${thinnedNote(figure)}`;
    return {
      spec,
      data: { rows: drawn },
      description,
      note,
      rows: found,
      columns: [...keys, "mean", "low", "high", "n"],
      file: `${key.replace("/", "--")}-${norm}-${tolerance}`,
    };
  }
}
