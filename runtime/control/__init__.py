"""How the operator reaches a data directory: through its server, or by opening it.

``server`` answers on a socket in the data directory, ``client`` asks there, ``stopped`` opens a
directory that no server has, ``protocol`` is what they say. What is done is the same in both
cases, and stands in runtime/host/operations.
"""
