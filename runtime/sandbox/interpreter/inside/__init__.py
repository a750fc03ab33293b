"""The code host: what runs inside the sandbox, where there is no perdure."""
