"""Which limit stops which attack, and what its program sees of that: docs/sandbox.md has it too."""

from dataclasses import dataclass

ROOT_OF_ITS_OWN = "its own root"
READ_ONLY = "read-only mounts"
PIDS = "pid namespace"
NETWORK = "network namespace"
IPC = "ipc namespace"
FILTER = "system call filter"
USER = "user namespace"
NO_NEW_PRIVILEGES = "no new privileges"
CORE = "limit of core files"
GROUP_PIDS = "`processes`"
GROUP_MEMORY = "`memory`"
GROUP_CPU = "`cpu`"
TEMPORARY = "size of /tmp and /dev/shm"
FILE_SIZE = "limit of file sizes"
DESCRIPTORS = "limit of descriptors"


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        does: In words.
        stopped_by: The limit.
        sees: The error that its program gets.
        takes: What it tells if it succeeds; the canary unless said.
        root_only: It needs root, wall or not: as an ordinary user there is nothing to stop.
    """

    does: str
    stopped_by: str
    sees: str
    takes: str = ""
    root_only: bool = False


ATTACKS = {
    "canary_by_path": Attack("reads a file by its path", ROOT_OF_ITS_OWN, "ENOENT"),
    "canary_by_dots": Attack("... by a path of `..`", ROOT_OF_ITS_OWN, "ENOENT"),
    "canary_by_symlink": Attack("... by a symlink", ROOT_OF_ITS_OWN, "ENOENT"),
    "canary_by_raced_symlink": Attack(
        "... by a symlink swapped in time", ROOT_OF_ITS_OWN, "ENOENT"
    ),
    "canary_by_hard_link": Attack("... by a hard link", ROOT_OF_ITS_OWN, "ENOENT"),
    "canary_by_root_of_process": Attack("... by `/proc/PID/root`", PIDS, "ENOENT"),
    "canary_by_folder_of_process": Attack("... by `/proc/PID/cwd`", PIDS, "ENOENT"),
    "canary_by_descriptor_of_process": Attack("... by `/proc/PID/fd`", PIDS, "ENOENT"),
    "canary_by_root_of_parent": Attack("... by the root of its parent", ROOT_OF_ITS_OWN, "ENOENT"),
    "canary_by_descriptors_of_parent": Attack("... by its parent's descriptors", PIDS, "ENOENT"),
    "canary_by_bind_mount": Attack("... by a bind mount", FILTER, "EPERM"),
    "canary_by_open_tree": Attack("... by the newer calls for mounts", FILTER, "EPERM"),
    "actor_database": Attack("reads an actor's database", ROOT_OF_ITS_OWN, "ENOENT"),
    "device_by_mknod": Attack("makes a device", USER, "EPERM", "opened the kernel's log", True),
    "system_changed": Attack("writes to `/usr`", READ_ONLY, "EROFS", "wrote to /usr", True),
    "kernel_setting_changed": Attack(
        "writes to `/proc/sys`",
        USER,
        "EACCES",
        "could have set what the kernel runs when a process crashes",
        True,
    ),
    "core_file": Attack("leaves a core file", CORE, "EFBIG", "left a core file"),
    "process_seen": Attack("lists processes", PIDS, "ESRCH", "saw it in /proc"),
    "environment_of_process": Attack("reads a process's environment", PIDS, "ENOENT"),
    "environment_of_parent": Attack("... its parent's", PIDS, "ENODATA"),
    "memory_by_proc": Attack("reads a process's memory", PIDS, "ENOENT"),
    "memory_by_process_vm": Attack("... by `process_vm_readv`", FILTER, "EPERM"),
    "memory_by_ptrace": Attack("... by `ptrace`", FILTER, "EPERM"),
    "process_signalled": Attack("sends a process a signal", PIDS, "ESRCH", "sent a signal"),
    "parent_stopped": Attack("... what started it", PIDS, "ESRCH", "could signal what started it"),
    "descriptor_taken": Attack("takes a process's descriptor", PIDS, "ESRCH"),
    "namespaces_joined": Attack(
        "joins a process's namespaces", PIDS, "ENOENT", "could join its namespaces"
    ),
    "socket_on_loopback": Attack("connects to 127.0.0.1", NETWORK, "ECONNREFUSED"),
    "socket_on_interface": Attack("... to the machine's own address", NETWORK, "ENETUNREACH"),
    "socket_by_path": Attack("... to a Unix socket", ROOT_OF_ITS_OWN, "ENOENT"),
    "socket_abstract": Attack("... to an abstract Unix socket", NETWORK, "ECONNREFUSED"),
    "memory_shared_by_number": Attack("reads shared memory (System V)", IPC, "ENOENT"),
    "memory_shared_by_name": Attack("... of `/dev/shm`", ROOT_OF_ITS_OWN, "ENOENT"),
    "key_of_kernel": Attack("reads a key of the kernel's keyrings", FILTER, "EPERM"),
    "terminal_typed_into": Attack(
        "types into a terminal (TIOCSTI)",
        FILTER,
        "EPERM",
        "typed for the one before the terminal",
    ),
    "user_namespace_by_unshare": Attack(
        "makes a user namespace",
        FILTER,
        "EPERM",
        "has all capabilities in a namespace of its own",
    ),
    "user_namespace_by_clone": Attack(
        "... by `clone`",
        FILTER,
        "EPERM",
        "has a child with all capabilities in a namespace of its own",
    ),
    "user_namespace_by_clone3": Attack(
        "... by `clone3`",
        FILTER,
        "ENOSYS",
        "has a child with all capabilities in a namespace of its own",
    ),
    "setuid_program": Attack("runs a setuid program", NO_NEW_PRIVILEGES, "EPERM", "ran as root"),
    "control_group_left": Attack(
        "leaves its control group",
        ROOT_OF_ITS_OWN,
        "ENOENT",
        "is in another group, with its limits",
    ),
    "release_agent_set": Attack(
        "sets a release agent",
        ROOT_OF_ITS_OWN,
        "ENOENT",
        "could have the kernel start a program as root",
        True,
    ),
    "personality_changed": Attack(
        "turns address randomisation off",
        FILTER,
        "EPERM",
        "what it starts has its memory at known addresses",
    ),
    "io_uring": Attack(
        "asks for an io_uring",
        FILTER,
        "EPERM",
        "can have input and output done past a filter of system calls",
    ),
    "system_call_of_32_bits": Attack(
        "calls the kernel as a program of 32 bits",
        FILTER,
        "ENOSYS",
        "called the kernel under another ABI",
    ),
    "fork_bomb": Attack("starts processes", GROUP_PIDS, "EAGAIN", "had 150 processes"),
    "memory_hog": Attack("takes memory", GROUP_MEMORY, "ENOMEM", "had 160 MiB"),
    "cpu_hog": Attack("takes processors", GROUP_CPU, "EAGAIN", "had "),
    "temporary_folder_filled": Attack("fills `/tmp`", TEMPORARY, "ENOSPC", "wrote 24 MiB"),
    "shared_memory_filled": Attack("fills `/dev/shm`", TEMPORARY, "ENOSPC", "wrote 24 MiB"),
    "large_file": Attack("writes a large file", FILE_SIZE, "EFBIG", "wrote 24 MiB"),
    "descriptors_hoarded": Attack("opens files", DESCRIPTORS, "EMFILE", "had 600 descriptors"),
}
