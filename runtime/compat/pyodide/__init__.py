"""Pyodide's modules, as programs for the platform import them: ``pyodide.ffi`` and its like."""
