"""python redraw.py MADE OUT: draw every figure of MADE again; prints {key: defects} as JSON."""

import json
import sys
from pathlib import Path

import defects

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import read
from implicitbias.figures import style


def redraw(made, out):
    """Every figure again from its table and its claims; what is wrong with each."""
    found = {}
    for path in sorted(made.glob("tables/*/*.parquet")):
        key = f"{path.parent.name}/{path.stem}"
        claims = read_claims(made / f"claims/{key}.json")
        figure = figures.draw(key, made.name, read(path), claims, out / key)
        with style.look():
            found[key] = defects.found(figure)
    return found


if __name__ == "__main__":
    print(json.dumps(redraw(Path(sys.argv[1]), Path(sys.argv[2]))))
