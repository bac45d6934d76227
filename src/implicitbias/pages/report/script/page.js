// A tool is built when it first comes near the screen, one inside a figure when it is opened.
const TOOLS = { ranks: Ranks, spectrum: Spectrum, plane: Plane, curves: Curves };
const built = [];

function build(root, key) {
  if (root.dataset.drawn || root.dataset.built) return;
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
for (const root of document.querySelectorAll("section .tool"))
  if (!root.closest("details")) near.observe(root);
for (const details of document.querySelectorAll("details.redraw"))
  details.addEventListener(
    "toggle",
    () => details.open && build(details.querySelector(".tool"), details.dataset.figure),
  );

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
