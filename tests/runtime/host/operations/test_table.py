"""Operations by name, as another process asks for them."""

import pytest

from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.table import OPERATIONS
from tests.town import Town


async def test_an_operation_or_an_argument_of_another_version_is_refused(town: Town) -> None:
    with pytest.raises(OperatorError, match='no operation "dance"') as raised:
        await town.ask("dance")
    assert "the same version" in raised.value.hint
    with pytest.raises(OperatorError, match='"list" does not take that'):
        await town.ask("list", style="loud")


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_arguments_of_each_operation_have_a_docstring(name: str) -> None:
    assert OPERATIONS[name].arguments.__doc__
