"""What of this machine's system is seen inside: programs and libraries, and very little of /etc."""

import functools
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .options import WORKSPACE, Network

TOP_LEVEL = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # besides /usr; often links into it
# What programs need of /etc and what is no secret; never the whole of it.
SEEN_OF_ETC = (
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
    *("/etc/localtime", "/etc/mime.types", "/etc/fonts", "/etc/magic"),
    *("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs"),
    *("/etc/pki/ca-trust/extracted", "/etc/protocols", "/etc/services"),
)
# Files of /proc that tell of the whole machine, or let one read its memory.
HIDDEN_OF_PROC = (
    *("/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/kmsg", "/proc/kallsyms"),
    *("/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats", "/proc/kpagecount"),
    *("/proc/kpageflags", "/proc/kpagecgroup", "/proc/vmallocinfo", "/proc/slabinfo"),
)
HIDDEN_FOLDERS_OF_PROC = ("/proc/acpi", "/proc/asound", "/proc/scsi", "/proc/fs")
RESOLVER_OF_SLIRP = "10.0.2.3"  # slirp4netns answers there, with what this machine's resolver says


@dataclass(frozen=True, slots=True)
class SystemFolders:
    """What of a system is there to be seen.

    Attributes:
        links: Path to what it links to: ``/bin`` to ``usr/bin``.
        folders: Folders and files that are seen where they are.
        hidden: Files of /proc that are covered.
        hidden_folders: Folders of /proc that are covered.
        private: Folders that the user a sandbox runs as may be unable to reach: Python's own.
    """

    links: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ("/usr",)
    hidden: tuple[str, ...] = ()
    hidden_folders: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


@functools.cache
def find_system() -> SystemFolders:
    """What this machine has; looked at once."""
    tops = [f"/{name}" for name in TOP_LEVEL]
    links = {top: str(Path(top).readlink()) for top in tops if Path(top).is_symlink()}
    folders = [top for top in tops if top not in links and Path(top).is_dir()]
    prefix = Path(sys.base_prefix).resolve()
    own = any(prefix.is_relative_to(folder) for folder in ("/usr", *folders))
    return SystemFolders(
        links=links,
        folders=("/usr", *folders, *(path for path in SEEN_OF_ETC if Path(path).exists())),
        hidden=tuple(path for path in HIDDEN_OF_PROC if Path(path).is_file()),
        hidden_folders=tuple(path for path in HIDDEN_FOLDERS_OF_PROC if Path(path).is_dir()),
        private=() if own else (sys.base_prefix,),
    )


def files_of_etc(network: Network, uid: int) -> dict[str, str]:
    """The files of /etc that are made for a sandbox: path to what they say."""
    return {
        "/etc/passwd": (
            "root:x:0:0:root:/root:/usr/sbin/nologin\n"
            f"sandbox:x:{uid}:{uid}:sandbox:{WORKSPACE}:/bin/sh\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        "/etc/group": f"root:x:0:\nsandbox:x:{uid}:\nnogroup:x:65534:\n",
        "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
        "/etc/hostname": "sandbox\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "/etc/resolv.conf": resolver(network),
    }


def resolver(network: Network) -> str:
    if network is Network.OUTBOUND:
        return f"nameserver {RESOLVER_OF_SLIRP}\n"
    if network is Network.HOST and (own := Path("/etc/resolv.conf")).exists():
        return own.read_text()
    return ""
