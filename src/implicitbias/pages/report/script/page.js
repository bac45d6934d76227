// What is packed is unpacked when it is opened; a tool is built when it comes near the screen.
const TOOLS = {
  opening: Opening,
  ranks: Ranks,
  spectrum: Spectrum,
  plane: Plane,
  curves: Curves,
  points: Points,
};
const built = [];

function build(root, key) {
  if (root.dataset.built) return;
  root.dataset.built = "yes";
  built.push(new TOOLS[root.dataset.tool](root, key));
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries)
      if (isIntersecting) {
        near.unobserve(target);
        build(target);
      }
  },
  { rootMargin: "300px" },
);
for (const root of document.querySelectorAll(".tool"))
  if (!root.closest("details")) near.observe(root);

function opened(details) {
  if (details.matches(".card")) {
    details.querySelectorAll(".picture").forEach(showPicture);
    details.querySelectorAll(".trace a[data-block]").forEach(offerNumbers);
    details.querySelectorAll("[data-tool=points]").forEach((root) => build(root));
    if (address.read().place !== details.id) address.write(details.id);
    details.scrollIntoView();
  } else if (details.matches(".redraw"))
    build(details.querySelector(".tool"), details.dataset.figure);
  else if (details.matches(".unpacks")) return fillTable(details);
}

document.addEventListener(
  "toggle",
  ({ target }) => target.matches("details") && target.open && opened(target),
  true,
);

// Goes where the address says: opens the figure, the tool in it, or the table of packs.
async function go() {
  const { place, given } = address.read();
  if (place === "figures") filterBy(given);
  if (place.startsWith("pack-")) {
    const packs = document.querySelector("[data-packs]");
    packs.open = true;
    await fillTable(packs);
  }
  const target = place && document.getElementById(place);
  if (!target) return;
  if (target.matches(".card")) {
    target.hidden = target.closest(".paper").hidden = false;
    target.open = true;
    const tool =
      given.has("tolerance") &&
      target.querySelector(`[data-figure="${CSS.escape(given.get("key") ?? "")}"].redraw`);
    if (tool) tool.open = true;
  }
  target.scrollIntoView();
}
addEventListener("hashchange", go);
document.documentElement.classList.add("live");
sift();
go();

const again = () => built.forEach((tool) => tool.draw());
dark.addEventListener("change", again);
let waiting = 0;
let before = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === before) return;
  before = innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(again, 150);
});
