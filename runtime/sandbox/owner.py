"""What classes of actors have in common that own a sandbox."""


class SandboxOwner:
    """Base of these classes: where a program has one, the server can start sandboxes."""
