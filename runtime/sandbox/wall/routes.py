"""Addresses that a sandbox does not reach, whatever way out it has: a cloud's own services.

At these a cloud tells a machine's programs who they are, and hands out the machine's credentials.
The routes are set in the sandbox's own network, where nobody inside has the right to change them.
"""

import os
import socket
import struct

from . import kernel

UNREACHABLE = (
    ("169.254.0.0", 16),  # link-local: Amazon's, Google's and most others' metadata
    ("100.100.100.200", 32),  # Alibaba's
    ("168.63.129.16", 32),  # Azure's
)
# linux/netlink.h, linux/rtnetlink.h
RTM_NEWROUTE, NLMSG_ERROR = 24, 2
REQUEST, ACK, CREATE = 0x1, 0x4, 0x400
RTN_UNREACHABLE, RT_TABLE_MAIN, RTPROT_STATIC, RTA_DST = 7, 254, 4, 1


def unreachable(address: str, bits: int, number: int) -> bytes:
    """The message to the kernel that makes a network unreachable."""
    route = struct.pack(
        *("=BBBBBBBBI", socket.AF_INET, bits, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC),
        *(0, RTN_UNREACHABLE, 0),
    )
    body = route + struct.pack("=HH", 8, RTA_DST) + socket.inet_aton(address)
    return (
        struct.pack("=IHHII", 16 + len(body), RTM_NEWROUTE, REQUEST | ACK | CREATE, number, 0)
        + body
    )


def close_routes(user: int, network: int) -> None:
    """Make them unreachable in the namespace ``network``, which belongs to ``user``: descriptors.

    A child does it, for there is no way back out of a user namespace.

    Raises:
        OSError: It could not be done.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            kernel.join_namespace(user)
            kernel.join_namespace(network)
            code = max(set_routes(), 0)
        except OSError as error:
            code = error.errno or 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, os.strerror(code), "routes that lead nowhere")


def set_routes() -> int:
    """Set them in the network of this process; 0, or the number of an error."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        for number, (address, bits) in enumerate(UNREACHABLE, 1):
            link.send(unreachable(address, bits, number))
            answer = link.recv(4096)
            kind = struct.unpack_from("=H", answer, 4)[0]
            error = int(struct.unpack_from("=i", answer, 16)[0])
            if kind != NLMSG_ERROR or error:
                return -error or 1
    return 0
