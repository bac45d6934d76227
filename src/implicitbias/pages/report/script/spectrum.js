// Singular values of every layer of one run, at any record.
class Spectrum extends Tool {
  constructor(root) {
    super(root);
    this.choose(Object.keys(index.ranks)[0]);
  }

  choose(key) {
    const figure = index.ranks[key];
    this.state = {
      key,
      run: 0,
      norm: figure.norm,
      k: at(figure),
      epoch: this.epochs(figure, 0).length - 1,
    };
    return this.offer();
  }

  epochs(figure, run) {
    return index.packs[figure.runs[run].pack].epochs;
  }

  offer() {
    const { key, run, norm, k, epoch } = this.state;
    const figure = index.ranks[key];
    const runs = figure.runs.map((each, i) => [
      i,
      `${labelled(settings(figure, each), [...figure.fields, "seed"])} (${each.run})`,
    ]);
    this.controls.replaceChildren(
      figureChoice(index.ranks, key, (value) => this.choose(value)),
      choice("Run", runs, run, (value) => this.choose_run(value)),
      slideControl("Completed epochs", this.epochs(figure, run), epoch, (value) =>
        this.set({ epoch: value }),
      ),
      choice("Relative to the", NORMS, norm, (value) => this.set({ norm: value })),
      toleranceControl(k, (value) => this.set({ k: value })),
    );
    return this.draw();
  }

  // Runs of one shape have the same records: the epoch stays.
  choose_run(run) {
    const figure = index.ranks[this.state.key];
    const [before, after] = [this.epochs(figure, this.state.run), this.epochs(figure, run)];
    if (String(before) === String(after)) return this.set({ run });
    Object.assign(this.state, { run, epoch: after.length - 1 });
    return this.offer();
  }

  async compute() {
    const { key, run, norm, k } = this.state;
    const figure = index.ranks[key];
    const pack = await spectra(figure.runs[run].pack);
    const epoch = pack.epochs[this.state.epoch];
    const values = [];
    const rows = pack.layers.map(({ name, size }, layer) => {
      const start = place(pack, figure.runs[run].run, epoch, layer);
      if (pack[norm][start] !== MISSING)
        for (let i = 0; i < size && pack[norm][start + i] > 0; i++)
          values.push({
            colour: layerWords(name),
            facet: "",
            x: i + 1,
            mean: index.grid[pack[norm][start + i] - 1],
          });
      const found = rank(pack[norm], start, size, k);
      return { layer: name, rank: Number.isNaN(found) ? null : found, of: size };
    });
    const tolerance = index.grid[k];
    const spec = lines({
      x: { field: "x", type: "quantitative", title: "i", axis: { tickMinStep: 1 } },
      width: this.width,
      band: false,
      points: false,
      rule: true,
      y: {
        type: "quantitative",
        title: `singular value / ${normWords(norm)}`,
        scale: { type: "log", domain: [index.grid[0], 1] },
      },
      colour: { title: "layer", domain: pack.layers.map((each) => layerWords(each.name)) },
      facets: [""],
    });
    const who = labelled(settings(figure, figure.runs[run]), [...figure.fields, "seed"]);
    return {
      spec,
      data: { rows: values, rule: [{ mean: tolerance }] },
      rows,
      columns: ["layer", "rank", "of"],
      file: `${figure.runs[run].run}-epoch-${epoch}`,
      description: `Singular values of each layer after ${epoch} epochs: ${who}`,
      note: `After ${epoch} completed epochs: ${who}. Values are read to half a per cent; those below ${index.grid[0]} are left out. Dashed: tolerance ${tolerance}; the ranks there stand under Numbers.`,
    };
  }
}
