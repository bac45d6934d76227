// The page's data: blocks that are unpacked when they are first needed. The index is needed at once.
const MISSING = 65535; // begins a spectrum that is not there
const blocks = new Map();

function block(name, decode) {
  if (!blocks.has(name)) blocks.set(name, unpacked(name).then(decode));
  return blocks.get(name);
}

async function unpacked(name) {
  const text = atob(document.getElementById(`block-${name}`).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const asText = (bytes) => new TextDecoder().decode(bytes);
const asJson = (bytes) => JSON.parse(asText(bytes));
const index = await unpacked("index").then(asJson);

// Starts Vega-Lite, once; its hash is among those that the page allows.
function vega() {
  return block("vega", (bytes) => {
    const script = document.createElement("script");
    script.type = "module";
    script.textContent = asText(bytes);
    const ready = new Promise((done) => addEventListener("vega", done, { once: true }));
    document.head.append(script);
    return ready;
  });
}

// One pack: how many tolerances of the grid each singular value is above, for either norm.
// The layout is that of spectra.py.
function spectra(name) {
  return block(`spectra-${name}`, (bytes) => {
    const pack = index.packs[name];
    const half = bytes.length / 4;
    const code = (i) => bytes[i] | (bytes[2 * half + i] << 8);
    const fro = new Uint16Array(half);
    const spec = new Uint16Array(half);
    for (let i = 0; i < half;)
      for (const { size } of pack.layers)
        for (let j = 0; j < size; j++, i++) {
          fro[i] = code(i) + (j ? fro[i - 1] : 0);
          spec[i] = code(half + i) + (j ? spec[i - 1] - fro[i - 1] : 0) + fro[i];
        }
    return { ...pack, fro, spec };
  });
}

// Where a spectrum begins in `fro` and `spec`; its length is the layer's size.
function place(pack, run, epoch, layer) {
  const sizes = pack.layers.map((each) => each.size);
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const record = pack.runs.indexOf(run) * pack.epochs.length + pack.epochs.indexOf(epoch);
  return record * sum(sizes) + sum(sizes.slice(0, layer));
}

// The rank at the k-th tolerance of the grid; NaN for a spectrum that is missing.
function rank(codes, at, size, k) {
  if (codes[at] === MISSING) return NaN;
  let n = 0;
  while (n < size && codes[at + n] > k) n++;
  return n;
}

// The rank of a layer, or the mean over layers; NaN if any of them is missing.
function layerRank(pack, run, epoch, norm, k, layer) {
  const ranks = pack.layers.flatMap((each, i) => {
    const chosen =
      layer === "average" ? each.averaged : layer === "average_all" || each.name === layer;
    return chosen ? [rank(pack[norm], place(pack, run, epoch, i), each.size, k)] : [];
  });
  return ranks.length ? ranks.reduce((a, b) => a + b, 0) / ranks.length : NaN;
}

// A row for each run of a figure, of its `last` record, its `first`, `every` one, or that of an epoch.
async function rankRows(figure, norm, k, layer, which) {
  const packs = new Map();
  for (const name of figure.packs) packs.set(name, await spectra(name));
  return figure.runs.flatMap((run) => {
    const pack = packs.get(run.pack);
    const named = { every: pack.epochs, first: [pack.epochs[0]], last: [pack.epochs.at(-1)] };
    const epochs = named[which] ?? [which];
    return epochs.map((epoch) => ({
      ...settings(figure, run),
      epoch,
      value: layerRank(pack, run.run, epoch, norm, k, layer),
    }));
  });
}

// A run's fields by name.
function settings(figure, run) {
  return Object.fromEntries([
    ["run", run.run],
    ["seed", run.seed],
    ...figure.fields.map((name, i) => [name, run.values[i]]),
  ]);
}

// Mean, smallest, largest and number of the values of each group; missing ones are left out.
function summary(rows, keys) {
  const groups = new Map();
  for (const row of rows) {
    const key = JSON.stringify(keys.map((name) => row[name]));
    if (!groups.has(key)) groups.set(key, { row, values: [] });
    if (!Number.isNaN(row.value)) groups.get(key).values.push(row.value);
  }
  return [...groups.values()].map(({ row, values }) => ({
    ...Object.fromEntries(keys.map((name) => [name, row[name]])),
    mean: values.length ? values.reduce((a, b) => a + b, 0) / values.length : null,
    low: values.length ? Math.min(...values) : null,
    high: values.length ? Math.max(...values) : null,
    n: values.length,
  }));
}

// The distinct values of a field: numbers by size, then words.
function distinct(rows, name) {
  return [...new Set(rows.map((row) => row[name]))].sort((a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : typeof a === "number"
        ? -1
        : typeof b === "number"
          ? 1
          : a < b
            ? -1
            : 1,
  );
}
