"""What is decided about a request before its body is read and before an upgrade is answered.

``firewall`` is what the front asks; the other files are pure: ``head`` is what of a request
counts, ``matching`` which rules it is for, ``limiting``, ``requiring`` and ``web_tokens`` what
they want of it, ``rules`` the order of all that.
"""
