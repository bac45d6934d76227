"""The generated parts of the pages in docs/: verdicts, pictures, formulas, text of other files.

A page requests such a part with a comment on a line of its own. Each part has one source elsewhere:

    <!-- include: CONTRIBUTING.md -->      a file of the project, with its links adjusted
    <!-- figures: galanti2025rank -->      the figures of a paper: caption, pictures, verdicts
    <!-- gallery: galanti2025rank -->      small pictures of these figures, linked to their sections
    <!-- formulas: metrics -->             a folder's docstrings: formula, range, source
    <!-- api: Recorder -->                 a class or function: signature, docstring, members
    <!-- keys: procedures -->              the config's keys: type, range, default, meaning
    <!-- data: records -->                 the columns and keys of what is written, and units
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from PIL import Image

from .. import metrics
from ..analysis.claims import VERDICTS, Claim, read_claims
from ..base import registry
from ..base.errors import UserError
from ..figures._letters import written
from . import dictionary, interface, reference
from .reference import escaped
from .report.words import interval, number

ROOT = registry.PACKAGE.parents[1]
RESULTS = {"small": ROOT / "results/small", "paper": ROOT / "results/published"}  # by scale
_ASKED = re.compile(
    r"^<!-- (include|figures|gallery|formulas|api|keys|data): (.+?) -->$", re.MULTILINE
)
_LINK = re.compile(r"\[([^][]*)\]\(([^)\s]+)\)")
_INCH = 106  # pixels: 6.9 inches, the widest figures, fill the column of a page


def expand(page: str) -> str:
    """Return the Markdown of a page with its comments replaced by what they request.

    Raises:
        FileNotFoundError, UserError: there is no such file or paper, or no project around the
            package.
    """
    if not (ROOT / "docs").is_dir():
        raise UserError(f"{ROOT}: no docs/ here: pages are built in a copy of the repository, not"
                        " from an installed package")  # fmt: skip
    makers = {
        "include": include, "figures": figures, "gallery": gallery, "formulas": formulas,
        "api": interface.api_of, "keys": reference.keys_of, "data": dictionary.data_of,
    }  # fmt: skip
    return _ASKED.sub(lambda asked: makers[asked[1]](asked[2]), page)


def pictures() -> dict[str, Path]:
    """Return the address in the site and the file of every picture that has been made."""
    return {
        f"figures/{scale}/{path.parent.name}/{path.name}": path
        for scale, root in RESULTS.items()
        for path in sorted(root.glob("figures/*/*.png"))
    }


def include(name: str) -> str:
    """Return a Markdown file of the project as a page of docs/.

    The path behind a fence is its title.
    """
    text = (ROOT / name).read_text(encoding="utf-8")
    return _LINK.sub(_moved, re.sub(r"^```(\w+) (\S+)$", r'```\1 title="\2"', text, flags=re.M))


def _moved(link: re.Match[str]) -> str:
    """Return a link of the project's folder as a link of docs/, or its text if it leaves docs/."""
    text, target = link.groups()
    if target.startswith("results/published/figures/"):
        return f"[{text}](../{target})"  # as pages of docs/ name such pictures
    inside = "contributing.md" if target == "CONTRIBUTING.md" else target.removeprefix("docs/")
    leads = target.startswith("https://") or (ROOT / "docs" / inside).exists()
    return f"[{text}]({inside})" if leads else text


def formulas(folder: str) -> str:
    """Return the docstrings of the functions in a folder, a section for each module."""
    if not registry.names(folder):
        raise FileNotFoundError(f"the package has no modules in {folder}")
    return "\n\n".join(_module(folder, name) for name in registry.names(folder))


def _module(folder: str, name: str) -> str:
    module = importlib.import_module(f"implicitbias.{folder.replace('/', '.')}.{name}")
    title, paragraphs = registry.docstring(registry.PACKAGE / folder / f"{name}.py")
    spelt = {known.partition("_<")[0]: known for known in metrics.known()}
    functions = [
        f"#### `{spelt.get(n, n)}`\n\n```text\n{written(inspect.getdoc(f) or '')}\n```"
        for n, f in inspect.getmembers(module, inspect.isfunction)
        if f.__module__ == module.__name__ and not n.startswith("_")
    ]
    heading = f"### {escaped(title)} {{ #{name} data-toc-label={name} }}"
    return "\n\n".join([heading, *map(escaped, paragraphs), *functions])


def figures(paper: str) -> str:
    """Return a section for each figure of a paper, with experiments after the numbered figures."""
    return "\n\n".join(map(_section, _keys(paper)))


def gallery(paper: str) -> str:
    """Return a list of the figures of a paper: picture, title, and a link to the section.

    The picture is at the paper's own protocol where that has been made, else at scale small.
    """
    return "\n".join(map(_thumbnail, _keys(paper)))


def _keys(paper: str) -> list[str]:
    keys = registry.figure_keys()
    registry.known("paper", paper, tuple(dict.fromkeys(key.partition("/")[0] for key in keys)))
    own = sorted(("/exp_" in key, key) for key in keys if key.startswith(f"{paper}/"))
    return [key for _, key in own]


def _thumbnail(key: str) -> str:
    paper, _, name = key.partition("/")
    title = _readable(registry.docstring(registry.figure_path(key))[0])
    made = [s for s, root in RESULTS.items() if (root / f"figures/{key}.png").exists()]
    picture = f"![](figures/{made[-1]}/{key}.png){{ loading=lazy }}" if made else ""
    scale = f"scale `{made[-1]}`" if made else "not made yet"
    return f"- [{picture}**{name}** {title}](papers/{paper}.md#{name}) *{scale}*"


def _section(key: str) -> str:
    path, name = registry.figure_path(key), key.partition("/")[2]
    title, caption = registry.docstring(path)
    shown = [
        f"![{_readable(title)}](../figures/{scale}/{key}.png){_width(file)}  \n*Scale `{scale}`*"
        for scale, root in RESULTS.items()
        if (file := root / f"figures/{key}.png").exists()
    ]
    command = f"snakemake results/small/figures/{key}.svg --cores all"
    source = f"`{registry.figure_source(key)}`; `{command}`"
    heading = f"### `{name}`: {_readable(title)} {{ #{name} data-toc-label={name} }}"
    return "\n\n".join([heading, *map(_readable, caption), *shown, _verdicts(key), source])


def _readable(plain: str) -> str:
    """Return plain text as Markdown, with Greek letters in place of their names."""
    return escaped(written(plain))


def _width(picture: Path) -> str:
    """Return the picture's own width, with which letters of all figures are equally large."""
    with Image.open(picture) as image:
        return f"{{ width={round(_INCH * image.width / image.info['dpi'][0])} }}"


def _verdicts(key: str) -> str:
    """Return a table of the claims, worst first, with a column for each scale that has results."""
    made = {
        scale: {claim.id: claim for claim in read_claims(file)}
        for scale, root in RESULTS.items()
        if (file := root / f"claims/{key}.json").exists()
    }
    if not made:
        return "No verdicts yet: `make figures`, then `make docs` again."
    rows: dict[str, list[Claim | None]] = {
        name: [claims.get(name) for claims in made.values()]
        for claims in made.values()
        for name in claims
    }
    worst = {i: min(VERDICTS.index(c.verdict) for c in row if c) for i, row in rows.items()}
    head = ["claim", "statistic", *(f"scale `{scale}`" for scale in made)]
    table = []
    for name in sorted(rows, key=lambda i: worst[i]):
        first = next(c for c in rows[name] if c)
        words = map(_readable, (first.claim, first.statistic))
        table.append([*words, *map(_judged, rows[name])])
    return reference.table(head, table)


def _judged(claim: Claim | None) -> str:
    if claim is None:
        return "–"
    over = interval(claim.ci_low, claim.ci_high)
    return f"**{claim.verdict}**: {number(claim.value)}, interval {over}, n = {claim.n}"
