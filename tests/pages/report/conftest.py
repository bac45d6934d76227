import pytest
from report_tree import tree


@pytest.fixture
def plan(tmp_path):
    return tree(tmp_path)
