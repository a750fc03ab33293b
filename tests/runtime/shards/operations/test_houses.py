"""Operations on the data of several workers."""

from pathlib import Path

import pytest

from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.shards.operations.houses import Houses
from perdure.runtime.shards.operations.lines import Lines
from perdure.runtime.shards.placement import Placement
from perdure.storage.layout import Layout
from tests.town import Listener


async def test_what_is_no_operation_is_refused(tmp_path: Path) -> None:
    houses = Houses(Layout(tmp_path), {}, Placement.of_count(2), Lines())
    with pytest.raises(OperatorError, match='no operation "dance"'):
        await houses.run("dance", {}, Listener())
    with pytest.raises(OperatorError, match="does not take that"):
        await houses.run("show", {"colour": "red"}, Listener())
