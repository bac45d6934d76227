// The points of a published figure by themselves, where nothing of ours was run at its protocol.
const AXES = {
  lambda: "weight decay",
  mu: "learning rate",
  B: "batch size",
  epoch_label: "epochs",
};
const CATEGORIES = ["lambda", "mu", "B", "init", "H", "depth"];

// The distinct names, with B=4 before B=16.
const natural = (rows, name) =>
  distinct(rows, name).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

class Points extends Tool {
  constructor(root) {
    super(root);
    this.state = {};
    this.draw();
  }

  async compute() {
    const { block: name, figure } = this.root.dataset;
    const all = await block(name, asJson);
    const rows = all.map(([panel, series, , x, y]) => ({ panel, series, x, y }));
    const axis = all[0][2];
    const title = AXES[axis] ?? words(axis);
    const spec = lines({
      x: CATEGORIES.includes(axis)
        ? { field: "x", type: "ordinal", title, axis: { labelAngle: -35 } }
        : { field: "x", type: "quantitative", title, scale: { zero: false } },
      y: { type: "quantitative", title: null, scale: { zero: false } },
      width: this.width,
      band: false,
      points: rows.length < 150,
      each: true,
      colour: { title: "", domain: natural(rows, "panel"), room: 160 },
      facets: natural(rows, "series"),
    });
    const drawn = rows.map(({ panel, series, x, y }) => ({
      x,
      mean: y,
      colour: panel,
      facet: series,
    }));
    return {
      spec,
      data: { rows: drawn },
      rows,
      columns: ["panel", "series", "x", "y"],
      file: `${figure.replaceAll("/", "--")}-published-points`,
      description: `Published points of ${figure} against ${title}`,
      note: `${rows.length} points, as the paper prints them.`,
    };
  }
}
