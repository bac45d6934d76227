// The first drawing: a rank figure beside the published points and the rank before training.
class Opening extends Ranks {
  constructor(root) {
    super(root, index.opening);
    this.place = "start";
    this.restore({ norm: NORMS.map(([name]) => name) });
    this.offer();
    this.draw();
  }

  offer() {
    const { key, norm, k } = this.state;
    const figure = index.ranks[key];
    const printed = Math.min(...figure.own.map(([, tolerance]) => tolerance));
    const steps = [
      [figure.reference ? "Tolerance of the published ranks" : "As drawn", "fro", figure.tolerance],
      [figure.reference ? "Tolerance in the paper's caption" : "The figure's lowest", "fro", printed],
      ["The lowest here", "fro", index.grid[0]],
    ];
    this.controls.replaceChildren(
      element(
        "div",
        { class: "steps", role: "group", "aria-label": "Three steps through the drawing" },
        ...steps.map(([words, to, tolerance], i) =>
          element(
            "button",
            { type: "button", onclick: () => this.move(to, nearest(tolerance)) },
            element("b", {}, String(i + 1)),
            ` ${words}`,
            element("small", {}, String(tolerance)),
          ),
        ),
      ),
      toleranceControl(k, (value) => this.set({ k: value })),
      choice("Relative to the", NORMS, norm, (value) => this.set({ norm: value })),
    );
  }

  // Slides to a tolerance, so that the eye can follow; at once where less motion is asked for.
  async move(norm, k) {
    const turn = (this.moving = (this.moving ?? 0) + 1);
    const from = this.state.k;
    const frames = still.matches || norm !== this.state.norm ? 1 : 24;
    for (let i = 1; i <= frames && turn === this.moving; i++) {
      Object.assign(this.state, { norm, k: Math.round(from + ((k - from) * i) / frames) });
      this.follow();
      await this.draw();
      await new Promise((next) => requestAnimationFrame(next));
    }
    this.remember();
  }

  // The controls show where the drawing is.
  follow() {
    const [slider, typed] = this.controls.querySelectorAll("input");
    this.controls.querySelector(".refused").textContent = "";
    slider.value = this.state.k;
    typed.value = index.grid[this.state.k];
    slider.setAttribute("aria-valuetext", typed.value);
    const list = this.controls.querySelector("select");
    list.selectedIndex = NORMS.findIndex(([name]) => name === this.state.norm);
  }

  async compute() {
    const found = await super.compute();
    const { key, norm, k, layer, x } = this.state;
    const figure = index.ranks[key];
    const before = await rankRows(figure, norm, k, layer, "first");
    const ranks = before.map((row) => row.value).filter((value) => !Number.isNaN(value));
    const level = ranks.reduce((a, b) => a + b, 0) / ranks.length;
    const same = index.grid[k] === figure.tolerance && norm === "fro"; // as the published ranks
    const points = diamonds(figure, this.state).map((row) => ({
      ...row,
      kind: same && row.room ? "published" : "apart",
    }));
    const spec = lines({
      x: axisOf([...found.rows, ...points.map((row) => ({ [x]: row.x }))], x, "x"),
      y: {
        type: "quantitative",
        title: "average rank",
        scale: { domain: [0, largest(figure, layer)] },
      },
      tooltip: found.spec.tooltip,
      width: this.width,
      height: 290,
      kinds: true,
      colour: {
        title: words(this.state.colour),
        domain: distinct(found.rows, this.state.colour || x).map((v) =>
          this.state.colour ? String(v) : "",
        ),
      },
      facets: [""],
    });
    const ours = found.data.rows.filter((row) => !row.kind);
    const rows = [...ours.map((row) => ({ ...row, facet: "" })), ...points];
    return {
      ...found,
      spec,
      data: { rows: [...rows, { kind: "untrained", mean: level, facet: "" }] },
      note: this.said(found.rows, points, level, same),
    };
  }

  // What the drawing shows, counted.
  said(rows, points, level, same) {
    const { key, norm, k, colour, x } = this.state;
    const there = rows.filter((row) => row.mean !== null);
    const kept = there.filter((row) => row.mean >= 0.95 * level).length;
    const least = Math.min(...there.map((row) => row.mean));
    const compared = points.filter((point) => point.room);
    const met = compared.filter((point) => {
      const ours = there.find((row) => String(row[colour]) === point.colour && row[x] === point.x);
      const apart = ours && point.mean - ours.mean;
      return ours && apart >= point.room[0] - 1e-9 && apart <= point.room[1] + 1e-9;
    });
    const few = there.filter((row) => row.n < 3).length;
    const tolerance = index.ranks[key].tolerance;
    const keeps =
      level > 0
        ? `${kept} of ${there.length} settings keep at least 95% of the rank before training (dotted, ${level.toFixed(1)})`
        : "no network has a rank above 0 before training";
    const beside = same
      ? ` ${met.length} of ${compared.length} published points (diamonds) agree with ours within the prediction interval or, with fewer than three seeds, within 3 or 5%. ${points.length - compared.length} (grey) are not compared: only one of the two networks learnt.`
      : ` The published ranks (grey diamonds) are ranks at tolerance ${tolerance} of the Frobenius norm.`;
    return (
      `At tolerance ${index.grid[k]} of the ${normWords(norm)}, ${keeps}; the lowest rank is ${shown(least)}. ` +
      `${few} of ${there.length} settings have fewer than three seeds, and decide nothing.` +
      (points.length ? beside : "")
    );
  }
}
