import pytest

from perdure.runtime.sandbox.api.git_faults import code_of


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("fatal: Remote branch nope not found in upstream origin", "GIT_BRANCH_NOT_FOUND"),
        (
            "fatal: could not read Username for 'https://x': terminal prompts disabled",
            "GIT_AUTH_FAILED",
        ),
        ("fatal: Authentication failed for 'https://x/'", "GIT_AUTH_FAILED"),
        ("git@x: Permission denied (publickey).", "GIT_AUTH_FAILED"),
        (
            "fatal: unable to access 'https://x/': The requested URL returned error: 403",
            "GIT_AUTH_FAILED",
        ),
        ("Host key verification failed.", "GIT_AUTH_FAILED"),
        ("fatal: repository 'https://x/' not found", "GIT_REPOSITORY_NOT_FOUND"),
        ("fatal: repository '/nope' does not exist", "GIT_REPOSITORY_NOT_FOUND"),
        ("fatal: '/x' does not appear to be a git repository", "GIT_REPOSITORY_NOT_FOUND"),
        ("ERROR: Repository not found.", "GIT_REPOSITORY_NOT_FOUND"),
        (
            "fatal: unable to access 'https://x/': Could not resolve host: x",
            "GIT_NETWORK_ERROR",
        ),
        (
            "fatal: unable to access 'http://x/': Failed to connect to x port 80",
            "GIT_NETWORK_ERROR",
        ),
        ("ssh: connect to host x port 22: Network is unreachable", "GIT_NETWORK_ERROR"),
        ("error: RPC failed; curl 56\nfatal: early EOF", "GIT_NETWORK_ERROR"),
        (
            "fatal: destination path 'x' already exists and is not an empty directory.",
            "GIT_CLONE_FAILED",
        ),
        ("", "GIT_CLONE_FAILED"),
    ],
)
def test_what_git_says_has_a_code(said: str, code: str) -> None:
    assert code_of(said) == code
