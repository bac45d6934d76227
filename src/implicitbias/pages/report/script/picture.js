// Pictures in full are unpacked when their figure is opened, and enlarged when they are pressed.
const sources = new Map(); // an address for each block, made once

async function sourceOf(name, kind) {
  if (!sources.has(name)) {
    const made = unpacked(name).then((bytes) =>
      URL.createObjectURL(new Blob([bytes], { type: kind })),
    );
    sources.set(name, made);
  }
  return sources.get(name);
}

async function showPicture(root) {
  if (root.firstChild) return;
  const { block: name, kind, alt } = root.dataset;
  const image = element("img", { alt });
  const button = element(
    "button",
    { type: "button", class: "enlarge", title: "Enlarge", onclick: () => enlarge(image) },
    image,
  );
  root.append(button);
  image.src = await sourceOf(name, kind);
}

const zoomed = document.querySelector("dialog.zoom");
zoomed.addEventListener("click", (event) => event.target === zoomed && zoomed.close());

function enlarge(image) {
  zoomed.querySelector(".box").replaceChildren(image.cloneNode());
  zoomed.showModal();
}

// The plotted numbers become a file when their figure is opened.
async function offerNumbers(link) {
  if (link.href) return;
  const text = await unpacked(link.dataset.block).then(asText);
  link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`;
}
