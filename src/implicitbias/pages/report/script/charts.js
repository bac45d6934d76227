// Vega-Lite specifications. Fields have names of ours (x, y, colour, facet): what a config says is
// only ever data or a title.
const dark = matchMedia("(prefers-color-scheme: dark)");
// Okabe and Ito's; on white two of them darker, for a contrast of 3.
const HUES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#C27F00", "#2F96CF"];
const HUES_ON_DARK = ["#56B4E9", "#E69F00", "#2CC295", "#E3A0C7", "#F0E442", "#FF8A5C"];
const SHAPES = [
  "circle",
  "square",
  "triangle-up",
  "diamond",
  "cross",
  "triangle-down",
  "triangle-right",
];

function look() {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [ink, line] = [css("--ink"), css("--line")];
  return {
    background: null,
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      labelColor: ink,
      titleColor: ink,
      domainColor: ink,
      tickColor: ink,
      gridColor: line,
      titleFontWeight: 400,
      labelFontSize: 12,
      titleFontSize: 13,
      labelLimit: 120,
    },
    axisX: { grid: false },
    legend: {
      labelColor: ink,
      titleColor: ink,
      titleFontWeight: 400,
      labelFontSize: 12,
      titleFontSize: 13,
      orient: "top",
      labelLimit: 220,
    },
    header: { labelColor: ink, labelFontSize: 12, labelLimit: 320 },
    text: { color: ink },
    rule: { color: ink },
  };
}

// The scale of a nominal colour: hues that are told apart, or a ramp where there are many in order.
function hues(domain) {
  if (domain.length > HUES.length)
    return { domain, scheme: { name: "viridis", extent: dark.matches ? [0.25, 1] : [0, 0.85] } };
  return { domain, range: (dark.matches ? HUES_ON_DARK : HUES).slice(0, domain.length) };
}

function cycled(values, domain) {
  return { domain, range: domain.map((_, i) => values[i % values.length]) };
}

// Points joined by lines, with a band where there is one; a panel for each value of `facet`.
// Rows of a `kind` are drawn otherwise: `published` as open diamonds, `apart` as grey ones, and
// `untrained` as a dotted level.
function lines({
  x,
  y,
  colour,
  facets,
  width,
  tooltip,
  band = true,
  points = true,
  joined = true,
  rule,
  kinds,
  dash,
  each = false,
  height = 300,
}) {
  const longest = Math.max(...colour.domain.map((name) => String(name).length));
  const room = Math.min(colour.room ?? 200, 44 + 8 * longest); // of an entry of the legend
  const colourOf = {
    field: "colour",
    type: "nominal",
    title: colour.title,
    scale: hues(colour.domain),
    legend:
      colour.domain.length > 1
        ? {
            columns: Math.max(1, Math.floor(width / room)),
            labelLimit: Math.min(room, width - 60) - 30,
            symbolLimit: 0,
            symbolOpacity: 1,
          }
        : null,
  };
  const shape = {
    field: "colour",
    type: "nominal",
    title: colour.title,
    scale: cycled(SHAPES, colour.domain),
    legend: colourOf.legend,
  };
  const place = { x, y: { ...y, field: "mean" } };
  const layers = [
    ...(band
      ? [
          {
            mark: { type: "area", opacity: 0.16 },
            encoding: {
              ...place,
              y: { ...y, field: "low" },
              y2: { field: "high" },
              color: colourOf,
            },
          },
        ]
      : []),
    ...(joined
      ? [
          {
            mark: { type: "line", strokeWidth: 1.8 },
            encoding: { ...place, color: colourOf, ...(dash ? { strokeDash: dashOf(dash) } : {}) },
          },
        ]
      : []),
    ...(points
      ? [
          {
            mark: { type: "point", filled: true, size: 42, opacity: 1 },
            encoding: { ...place, color: colourOf, shape, tooltip },
          },
        ]
      : []),
    ...(rule
      ? [
          {
            data: { name: "rule" },
            mark: { type: "rule", strokeDash: [4, 3] },
            encoding: { y: { field: "mean", type: "quantitative" } },
          },
        ]
      : []),
  ];
  if (kinds) {
    for (const layer of layers) layer.transform = [{ filter: "!datum.kind" }];
    layers.push(
      {
        transform: [{ filter: "datum.kind == 'untrained'" }],
        mark: { type: "rule", strokeDash: [2, 4], strokeWidth: 1.4, aria: false },
        encoding: { y: { ...y, field: "mean" } },
      },
      {
        transform: [{ filter: "datum.kind == 'published'" }],
        mark: {
          type: "point",
          shape: "diamond",
          size: 170,
          strokeWidth: 1.8,
          filled: false,
          aria: false,
        },
        encoding: { ...place, color: colourOf, tooltip },
      },
      {
        transform: [{ filter: "datum.kind == 'apart'" }],
        mark: {
          type: "point",
          shape: "diamond",
          size: 110,
          strokeWidth: 1.2,
          color: "#999999",
          filled: false,
          aria: false,
        },
        encoding: { ...place, tooltip },
      },
    );
  }
  const many = facets.length > 1;
  const columns = many ? Math.max(1, Math.min(facets.length, 3, Math.floor(width / 300))) : 1;
  const spec = {
    width: Math.max(160, Math.floor((width - 50) / columns) - (many ? 36 : 20)),
    height: many ? 200 : height,
    layer: layers,
  };
  return {
    data: { name: "rows" },
    config: look(),
    ...(many
      ? {
          facet: { field: "facet", type: "nominal", title: null, sort: facets },
          columns,
          spec,
          ...(each ? { resolve: { scale: { y: "independent" } } } : {}),
        }
      : spec),
  };
}

function dashOf(domain) {
  const scale = {
    domain,
    range: [
      [1, 0],
      [3, 3],
    ],
  };
  return { field: "dash", type: "nominal", title: null, scale };
}

// Draws into `root`, anew only where the specification has changed.
class Drawing {
  constructor(root, describe) {
    Object.assign(this, { root, describe, spec: "", view: null });
    root.setAttribute("role", "img");
  }

  async show(spec, data, description) {
    const text = JSON.stringify(spec);
    if (text !== this.spec) {
      this.view?.finalize();
      await vega();
      const made = await vegaEmbed(
        this.root,
        { ...spec, datasets: data },
        {
          actions: false,
          renderer: "svg",
          ast: true,
          tooltip: { theme: dark.matches ? "dark" : "light" },
        },
      );
      [this.spec, this.view] = [text, made.view];
    }
    for (const [name, rows] of Object.entries(data)) this.view.data(name, rows);
    await this.view.resize().runAsync(); // labels of new rows may need more room
    this.root.setAttribute("aria-label", description);
  }
}
