"""Why a server did not start is told with what to do."""

import errno
import os

from perdure.runtime.errors import PortTaken


def test_a_taken_port_names_the_option_that_chooses_another() -> None:
    taken = os.strerror(errno.EADDRINUSE)
    assert str(PortTaken("::1", 80, taken)) == (
        f"cannot listen on ::1:80: {taken}. "
        "Stop the program that does, or choose another port with --port"
    )
    assert str(PortTaken("127.0.0.1", 9187, taken, "--control-port")).endswith(
        "choose another port with --control-port"
    )


def test_the_control_port_has_no_choice_of_addresses() -> None:
    refused = os.strerror(errno.EACCES)
    text = str(PortTaken("127.0.0.1", 80, refused, "--control-port"))
    assert "--host" not in text
    assert "--host" in str(PortTaken("127.0.0.1", 80, refused))
