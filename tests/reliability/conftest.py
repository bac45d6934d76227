"""The data of the packs that these tests train."""

import pytest

from implicitbias import data


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("digits", "mnist5k"):
        data.fetch(name, folder, report=lambda _: None)
    return folder
