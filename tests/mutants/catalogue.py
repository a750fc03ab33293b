"""All mutants."""

from tests.mutants.alarms import ALARMS
from tests.mutants.assets import ASSETS
from tests.mutants.compression import COMPRESSION
from tests.mutants.edge import EDGE
from tests.mutants.elsewhere import ELSEWHERE
from tests.mutants.firewall import FIREWALL
from tests.mutants.outputs import OUTPUTS
from tests.mutants.policies import POLICIES
from tests.mutants.promises import PROMISES
from tests.mutants.replacements import REPLACEMENTS
from tests.mutants.rpc import RPC
from tests.mutants.sandboxes import SANDBOXES
from tests.mutants.sessions import SESSIONS
from tests.mutants.shells import SHELLS
from tests.mutants.slots import SLOTS
from tests.mutants.sockets import SOCKETS
from tests.mutants.starting import STARTING
from tests.mutants.suspending import SUSPENDING
from tests.mutants.terminals import TERMINALS
from tests.mutants.tls import TLS
from tests.mutants.tunnels import TUNNELS
from tests.mutants.walls import WALLS

MUTANTS = (
    *OUTPUTS,
    *PROMISES,
    *ELSEWHERE,
    *ALARMS,
    *POLICIES,
    *FIREWALL,
    *REPLACEMENTS,
    *SESSIONS,
    *SOCKETS,
    *COMPRESSION,
    *EDGE,
    *TLS,
    *SLOTS,
    *ASSETS,
    *STARTING,
    *RPC,
    *SUSPENDING,
    *SANDBOXES,
    *WALLS,
    *SHELLS,
    *TERMINALS,
    *TUNNELS,
)
