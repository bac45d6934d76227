// The state of the page is in its address: `#place?name=value`, the place that was last touched.
const address = {
  read() {
    const [place, query = ""] = location.hash.slice(1).split("?");
    return { place, given: new URLSearchParams(query) };
  },

  write(place, values = {}) {
    const kept = Object.entries(values).filter(([, value]) => value !== "" && value !== undefined);
    const query = new URLSearchParams(kept).toString();
    history.replaceState(null, "", `#${place}${query ? `?${query}` : ""}`);
  },
};

const still = matchMedia("(prefers-reduced-motion: reduce)");
