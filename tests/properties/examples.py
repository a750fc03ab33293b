"""How many examples the slow properties try: few in `make test`, many in CI's step ``crash``."""

import os

from hypothesis import settings


def examples(count: int, steps: int = 50) -> settings:
    """Settings of a state machine: ``count`` runs, or as many times that as CI asks for.

    PERDURE_PROPERTY_FACTOR is set by .ci/run; hypothesis' own profiles could only set one number
    for all properties, whatever each of them costs.
    """
    factor = int(os.environ.get("PERDURE_PROPERTY_FACTOR", "1"))
    return settings(max_examples=count * factor, stateful_step_count=steps, deadline=None)
