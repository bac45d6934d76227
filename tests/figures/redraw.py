"""python redraw.py MADE OUT: draw every figure of MADE again; prints {key: defects} as JSON."""

import json
import sys
from pathlib import Path

import defects

from implicitbias import figures
from implicitbias.analysis.tables import read
from implicitbias.figures import style


def redraw(made, out):
    """Every figure again from its table; what is wrong with each."""
    config = json.loads((made / "config.json").read_text())
    metrics = {key: figure["metrics"] for key, figure in config["figures"].items()}
    found = {}
    for path in sorted(made.glob("tables/*/*.parquet")):
        key = f"{path.parent.name}/{path.stem}"
        table = read(path)
        table.attrs["metrics"] = metrics[key]
        figure = figures.draw(key, made.name, table, out / key)
        with style.look():
            found[key] = defects.found(figure)
    return found


if __name__ == "__main__":
    print(json.dumps(redraw(Path(sys.argv[1]), Path(sys.argv[2]))))
