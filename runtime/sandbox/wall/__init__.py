"""What keeps a sandbox's programs in: bubblewrap, a system call filter, cgroups and rlimits."""
