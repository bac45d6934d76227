// What the tools share. Each keeps its choices in `state`, draws when one of them changes, and has
// them in the address of the page once a reader has changed one.
class Tool {
  constructor(root) {
    this.root = root;
    this.place = root.closest(".card")?.id ?? root.getAttribute("aria-labelledby") ?? "";
    this.controls = element("form", {
      class: "controls",
      onsubmit: (event) => event.preventDefault(),
    });
    this.note = element("p", { class: "note", "aria-live": "polite" });
    const picture = element("div", { class: "drawing" });
    this.drawing = new Drawing(picture);
    this.below = element("details", {}, element("summary", {}, "Numbers"));
    this.results = element("div");
    this.below.append(this.results);
    root.replaceChildren(
      this.controls,
      this.note,
      element(
        "div",
        { class: "box", role: "group", "aria-label": "Drawing", tabindex: 0 },
        picture,
      ),
      this.below,
    );
    this.wanted = 0;
  }

  get width() {
    return Math.min(this.root.clientWidth - 34, 1100);
  }

  // Fields below the figure's own: set again whenever another figure is chosen.
  set(change) {
    Object.assign(this.state, change);
    this.remember();
    return this.draw();
  }

  remember() {
    const { k, ...rest } = this.state;
    const plain = Object.entries(rest).filter(([, value]) => typeof value !== "object");
    const named = k === undefined ? [] : [["tolerance", index.grid[k]]];
    address.write(this.place, Object.fromEntries([...plain, ...named]));
  }

  // Takes from the address what it says of this tool, as far as `allowed` lists it.
  restore(allowed) {
    const { place, given } = address.read();
    if (place !== this.place) return;
    for (const [name, values] of Object.entries(allowed)) {
      const found = values.find((value) => String(value) === given.get(name));
      if (found !== undefined) this.state[name] = found;
    }
    if (given.get("tolerance") > 0) this.state.k = nearest(Number(given.get("tolerance")));
  }

  // The figure that the address asks this tool for, if it has it.
  asked(figures, otherwise) {
    const { place, given } = address.read();
    return place === this.place && given.get("key") in figures ? given.get("key") : otherwise;
  }

  // The last change wins; those that it overtakes are not drawn.
  async draw() {
    const turn = ++this.wanted;
    try {
      const found = await this.compute();
      if (turn !== this.wanted) return;
      const empty = !found.data.rows.some((row) => row.mean !== null);
      this.drawing.root.hidden = empty;
      if (!empty) await this.drawing.show(found.spec, found.data, found.description);
      this.note.textContent = found.note;
      this.results.replaceChildren(...numbers(found.columns, found.rows, found.file));
      this.root.dataset.drawn = turn;
    } catch (error) {
      this.note.textContent = `This could not be drawn: ${error.message}`;
      throw error;
    }
  }
}

// The figure that the tools begin with: figure 8 where the page has it.
const FIRST = "galanti2025rank/fig08";
const firstOf = (figures) => (FIRST in figures ? FIRST : Object.keys(figures)[0]);

function figureChoice(figures, key, change) {
  const options = Object.entries(figures).map(([each, { title }]) => [each, `${each}: ${title}`]);
  return choice("Figure", options, key, change);
}

const at = (figure) => index.grid.indexOf(figure.tolerance);
const normWords = (norm) => NORMS.find(([name]) => name === norm)[1];
const thinnedNote = (figure) => {
  const stride = index.packs[figure.packs[0]].stride;
  if (stride > 1e6) return " Of these runs the page holds the first record, the paper's last one, and ours.";
  return stride > 1 ? ` Every ${stride}th record is here.` : "";
};

// Axis of a field: completed epochs are numbers, a hyper-parameter stands at the values that were run.
function axisOf(rows, name, field) {
  return name === "epoch"
    ? { field, type: "quantitative", title: words(name), axis: { tickMinStep: 1 } }
    : {
        field,
        type: "ordinal",
        sort: distinct(rows, name),
        title: words(name),
        axis: { labelAngle: -35 },
      };
}

function byKeys(keys) {
  const order = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0;
  return (a, b) => keys.reduce((found, name) => found || order(a[name], b[name]), 0);
}

// The largest rank that there can be: so that the axis stays while the tolerance moves.
function largest(figure, layer) {
  return Math.max(
    ...figure.packs.map((name) => {
      const sizes = index.packs[name].layers
        .filter((each) =>
          layer === "average" ? each.averaged : layer === "average_all" || each.name === layer,
        )
        .map((each) => each.size);
      return sizes.length ? sizes.reduce((a, b) => a + b, 0) / sizes.length : 1;
    }),
  );
}
