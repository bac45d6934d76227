// Singular values of every layer of one run, at any record.
class Spectrum extends Tool {
  constructor(root) {
    super(root);
    this.choose(this.asked(index.ranks, firstOf(index.ranks)), true);
  }

  choose(key, first = false) {
    const figure = index.ranks[key];
    const run = strongest(figure);
    this.state = {
      key,
      run,
      norm: figure.norm,
      k: at(figure),
      epoch: this.epochs(figure, run).length - 1,
    };
    if (first) this.restore({ run: [...figure.runs.keys()], norm: NORMS.map(([name]) => name) });
    else this.remember();
    const last = this.epochs(figure, this.state.run).length - 1;
    this.state.epoch = Math.min(this.state.epoch, last);
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
    const after = `after ${epoch} epochs`;
    const shownAt = (when, dash) =>
      pack.layers.flatMap(({ name, size }, layer) => {
        const start = place(pack, figure.runs[run].run, when, layer);
        const codes = pack[norm].subarray(start, start + size);
        if (codes[0] === MISSING) return [];
        const large = [...codes].filter((code) => code > 0);
        return large.map((code, i) => ({
          colour: layerWords(name),
          facet: "",
          dash,
          x: i + 1,
          mean: index.grid[code - 1],
        }));
      });
    const before = pack.epochs[0] === epoch ? [] : shownAt(pack.epochs[0], BEFORE);
    const values = [...shownAt(epoch, after), ...before];
    const rows = pack.layers.map(({ name, size }, layer) => {
      const found = rank(pack[norm], place(pack, figure.runs[run].run, epoch, layer), size, k);
      return { layer: name, rank: Number.isNaN(found) ? null : found, of: size };
    });
    const tolerance = index.grid[k];
    const spec = lines({
      x: { field: "x", type: "quantitative", title: "i", axis: { tickMinStep: 1 } },
      width: this.width,
      band: false,
      points: false,
      rule: true,
      dash: [after, BEFORE],
      y: {
        type: "quantitative",
        title: `singular value / ${normWords(norm)}`,
        scale: { type: "log", domain: [index.grid[0], 1] },
        axis: { tickCount: 5 },
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
      note: `After ${epoch} completed epochs: ${who}. Values are read to half a per cent; those below ${index.grid[0]} are left out. Dotted curves: the same network before training. Dashed level: tolerance ${tolerance}; the ranks there stand under Numbers.`,
    };
  }
}

const BEFORE = "before training";

// The run with the most weight decay whose last spectrum is there: its effect is the largest.
function strongest(figure) {
  const at = figure.fields.indexOf("weight_decay");
  if (at < 0) return 0;
  const decays = figure.runs.map((run) => run.values[at]);
  return decays.indexOf(Math.max(...decays));
}
