"""All mutants."""

from tests.mutants.alarms import ALARMS
from tests.mutants.elsewhere import ELSEWHERE
from tests.mutants.firewall import FIREWALL
from tests.mutants.outputs import OUTPUTS
from tests.mutants.policies import POLICIES
from tests.mutants.promises import PROMISES
from tests.mutants.replacements import REPLACEMENTS

MUTANTS = (*OUTPUTS, *PROMISES, *ELSEWHERE, *ALARMS, *POLICIES, *FIREWALL, *REPLACEMENTS)
