// The gallery shows the figures of one paper, with claims of one verdict, or with words in them.
const cards = [...document.querySelectorAll(".card")];
const filters = document.querySelector("form.filters");
const search = document.querySelector("form.search");
const asked = {
  paper: filters.elements.paper,
  verdict: filters.elements.verdict,
  q: search.elements.q,
};
const textOf = new Map(); // of a card, in lower case, read when it is first searched

// The number of `figure 9`, `Fig. 9`, `fig09` or `9`.
const numberOf = (q) => /^(?:fig(?:ure)?\.?\s*)?0*(\d+)$/i.exec(q)?.[1];

function matches(card, { paper, verdict, words, number }) {
  if (paper && card.closest(".paper").dataset.paper !== paper) return false;
  if (verdict && !card.dataset.verdicts.split(" ").includes(verdict)) return false;
  if (number) return new RegExp(`--fig0*${number}$`).test(card.id);
  if (words.length && !textOf.has(card))
    textOf.set(card, `${card.id} ${card.textContent}`.toLowerCase());
  return words.every((word) => textOf.get(card).includes(word));
}

// With a verdict asked for, a card says which of its claims have it.
function name(card, verdict) {
  card.querySelector(".matches")?.remove();
  const chosen =
    verdict && !card.hidden ? `[data-verdict="${verdict.replace("-", " ")}"] .sentence b` : "";
  const found = chosen
    ? [...card.querySelectorAll(`.body .columns > div > .claims ${chosen}`)]
    : [];
  if (!found.length) return;
  const said = found.map((each) => element("span", {}, each.textContent));
  card.querySelector("summary").append(element("span", { class: "matches" }, ...said));
}

function sift() {
  const [paper, verdict, q] = [asked.paper.value, asked.verdict.value, asked.q.value.trim()];
  const number = numberOf(q);
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  for (const card of cards) {
    card.hidden = !matches(card, { paper, verdict, words, number });
    name(card, verdict);
  }
  for (const section of document.querySelectorAll("section.paper"))
    section.hidden = ![...section.querySelectorAll(".card")].some((card) => !card.hidden);
  const left = cards.filter((card) => !card.hidden).length;
  const all = left === cards.length;
  filters.elements.clear.hidden = all;
  filters.querySelector(".found").textContent =
    `${all ? "" : `${left} of `}${cards.length} figures`;
  return { paper, verdict, q };
}

function changed() {
  address.write("figures", sift());
  const heading = document.getElementById("figures");
  if (heading.getBoundingClientRect().top > innerHeight / 2) heading.scrollIntoView();
}

// Sets the filters to what an address says; anything else in it is left aside.
function filterBy(given) {
  for (const [name, field] of Object.entries(asked)) {
    field.value = given.get(name) ?? "";
    if (field.selectedIndex === -1) field.selectedIndex = 0;
  }
  sift();
}

for (const form of [filters, search]) {
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", changed);
}
filters.elements.clear.addEventListener("click", () => {
  filterBy(new URLSearchParams());
  address.write("figures");
});
