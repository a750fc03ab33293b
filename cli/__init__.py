"""The operator's side: the command ``perdure``.

One command a file; beside them what they share: ``output`` the terminal, ``failures`` and
``problems`` what went wrong, ``project`` which configuration and data, ``serving`` running until
told to stop. click and rich are known here and nowhere below. Data goes to standard output,
messages to standard error.
"""
