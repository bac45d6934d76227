// A rank figure, redrawn at any tolerance.
class Ranks extends Tool {
  constructor(root, key) {
    super(root);
    this.fixed = key;
    this.choose(key ?? this.asked(index.ranks, firstOf(index.ranks)), true);
  }

  // In a figure its own norm, with the published points; among all figures both norms.
  choose(key, first = false) {
    const figure = index.ranks[key];
    const colour = figure.fields.filter((name) => name !== figure.x)[0] ?? "";
    const norm = this.fixed ? figure.norm : "both";
    this.state = { key, norm, k: at(figure), layer: "average", x: figure.x, colour };
    if (first)
      this.restore({
        norm: BOTH.map(([name]) => name),
        layer: layerChoices(figure.packs).map(([name]) => name),
        x: [...figure.fields, "epoch"],
        colour: figure.fields,
      });
    else this.remember();
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
      choice("Relative to the", BOTH, norm, (value) => this.set({ norm: value })),
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
    this.remember();
    return this.draw();
  }

  async compute() {
    const { key, norm, k, layer, x, colour } = this.state;
    const figure = index.ranks[key];
    const norms = norm === "both" ? ["fro", "spec"] : [norm];
    const which = x === "epoch" ? "every" : (figure.reference?.epoch ?? "last");
    const all = [];
    for (const each of norms)
      for (const row of await rankRows(figure, each, k, layer, which))
        all.push({ ...row, norm: each });
    const rest = figure.fields.filter((name) => name !== x && name !== colour);
    const named = norms.length > 1 ? ["norm"] : [];
    const keys = [...named, ...figure.fields.filter((name) => name !== x), x];
    const found = summary(all, keys).sort(byKeys(keys));
    const drawn = found.map((row) => ({
      ...row,
      x: row[x],
      colour: colour ? String(row[colour]) : "",
      facet: [
        ...named.map(() => normWords(row.norm)),
        ...(rest.length ? [labelled(row, rest)] : []),
      ].join(", "),
    }));
    const beside = norms.length === 1 ? diamonds(figure, this.state) : [];
    const tolerance = index.grid[k];
    const own = norms.every((n) => figure.own.some(([m, t]) => n === m && t === tolerance));
    const spec = lines({
      x: axisOf([...found, ...beside.map((row) => ({ [x]: row.x }))], x, "x"),
      y: { type: "quantitative", title: "rank", scale: { domain: [0, largest(figure, layer)] } },
      tooltip: ["x", "mean", "low", "high", "n"].map((field) => ({
        field,
        title: field === "x" ? words(x) : field,
      })),
      width: this.width,
      kinds: beside.length > 0,
      colour: {
        title: colour ? words(colour) : "",
        domain: colour ? distinct(found, colour).map(String) : [""],
      },
      facets: [...new Set(drawn.toSorted(byKeys([...named, ...rest])).map((row) => row.facet))],
    });
    const relative = norms.map(normWords).join(" and of the ");
    const layers = layerChoices(figure.packs).find(([name]) => name === layer)[1];
    return {
      spec,
      data: { rows: [...drawn, ...beside] },
      description: `Rank of ${key} at tolerance ${tolerance} of the ${relative}, ${layers}, against ${words(x)}`,
      note:
        `Tolerance ${tolerance} of the ${relative}${own ? ", at which the figure itself is drawn" : ""}. ` +
        `${{ every: "Every record", last: "Last record" }[which] ?? `Record after ${which} epochs, as published,`} of ${figure.runs.length} runs; line: mean over seeds; band: smallest to largest.` +
        `${beside.length ? " Diamonds: the published points." : ""}${thinnedNote(figure)}`,
      rows: found,
      columns: [...keys, "mean", "low", "high", "n"],
      file: `${key.replaceAll("/", "--")}-${norm}-${tolerance}`,
    };
  }
}

// The published points of a figure as rows, where the axes are those of the published figure.
function diamonds(figure, { layer, x, colour }) {
  const { reference } = figure;
  if (!reference || layer !== "average" || x !== figure.x || colour !== reference.field) return [];
  return reference.points.map(([value, at, mean, low, high]) => ({
    kind: "published",
    colour: String(value),
    x: at,
    mean,
    room: low === null ? null : [low, high],
    facet: "",
  }));
}
