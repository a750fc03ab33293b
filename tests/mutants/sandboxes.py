"""Mutants of what programs and clients see of sandboxes: previews, calls, backups, terminals."""

from tests.mutants.mutation import (
    Mutant,
    always,
    branch_on,
    calls,
    expression,
    never,
    nothing,
    preceded_by,
    statements,
    to,
)

_FOLDER = "runtime/sandbox/"
_TESTS = "tests/runtime/sandbox/"
_PORTS = _TESTS + "api/test_ports.py::"
_ATTACKS = _TESTS + "preview/test_proxy_attacks.py::"
_ADDRESS = _TESTS + "preview/test_address.py::"
_FORWARDING = _TESTS + "preview/test_forwarding.py::"
_PART = _TESTS + "api/test_part.py::"
_HOME = _TESTS + "test_home.py::"
_RELAY = _TESTS + "test_terminal_relay.py::"

_PREVIEWS = (
    Mutant(
        "who knows the beginning of a token knows the token",
        _FOLDER + "preview/token.py",
        "is_same",
        calls("compare_digest"),
        statements("return token.startswith(given)"),
        (_TESTS + "preview/test_token.py::test_the_same_is_the_same_and_nothing_else_is",),
    ),
    Mutant(
        "the token of one port opens all of its sandbox",
        _FOLDER + "api/ports.py",
        "Ports.validate_port_token",
        calls("is_same"),
        statements(
            "return any(is_same(each['token'], token)"
            " for _, each in self.ctx.storage.kv.list(prefix=PORTS))"
        ),
        (_PORTS + "test_what_is_exposed_is_listed_by_its_port",),
    ),
    Mutant(
        "a token is looked at when its request has been sent inside",
        _FOLDER + "api/ports.py",
        "Ports._serve_preview",
        branch_on("validate_port_token"),
        preceded_by(
            "try:\n await self._home.fetch(self._id, port, without_purpose(request))\n"
            "except Exception:\n pass"
        ),
        (_ATTACKS + "test_guessed_tokens_reach_nothing_and_leave_nothing",),
    ),
    Mutant(
        "a preview's URL outlives its sandbox",
        _FOLDER + "api/ports.py",
        "Ports._serve_preview",
        branch_on("boot"),
        never,
        (_PORTS + "test_a_sandbox_that_has_ended_is_stale_and_is_not_started_for_that",),
    ),
    Mutant(
        "a request for a preview starts the sandbox",
        _FOLDER + "api/ports.py",
        "Ports._serve_preview",
        calls("_running"),
        statements("connection = await self._reach()"),
        (_PORTS + "test_a_sandbox_that_has_ended_is_stale_and_is_not_started_for_that",),
    ),
    Mutant(
        "a host in capitals is no preview",
        _FOLDER + "preview/address.py",
        "address_of",
        expression("host.lower()"),
        to("host"),
        (_ADDRESS + "test_what_was_made_is_found_again",),
    ),
    Mutant(
        "a name may be too long for its host",
        _FOLDER + "preview/address.py",
        "check_name",
        expression("len(name) <= NAME_SIZE_MAX"),
        to("True"),
        (_ADDRESS + "test_a_name_that_cannot_stand_in_a_host_is_refused_with_the_reason",),
    ),
    Mutant(
        "cookies of one sandbox go to all",
        _FOLDER + "preview/forwarding.py",
        "answered",
        expression("without_domain(cookie)"),
        to("cookie"),
        (_FORWARDING + "test_cookies_lose_their_domain_and_all_else_stays",),
    ),
    Mutant(
        "a client says who it is in X-Forwarded-For",
        _FOLDER + "preview/forwarding.py",
        "forwarded",
        calls("clean"),
        nothing,
        (
            _FORWARDING + "test_what_only_a_proxy_knows_is_what_the_proxy_says",
            _FORWARDING + "test_an_address_that_nobody_knows_is_not_told",
        ),
    ),
    Mutant(
        "servers inside are told a token by our own field",
        _FOLDER + "preview/forwarding.py",
        "",
        expression("FIELD"),
        to("'X-Real-IP'"),
        (_FORWARDING + "test_what_only_a_proxy_knows_is_what_the_proxy_says",),
    ),
    Mutant(
        "a client says what a request to a sandbox is for",
        "runtime/edge/sound_request.py",
        "",
        branch_on("FIELD"),
        never,
        (_ATTACKS + "test_nobody_but_we_says_what_a_request_is_for",),
    ),
)

_CALLS = (
    Mutant(
        "a sandbox is asked before what its actor wrote is durable",
        _FOLDER + "api/part.py",
        "Part._reach",
        calls("durable"),
        nothing,
        (_PART + "test_nothing_is_asked_before_what_was_written_is_durable",),
    ),
    Mutant(
        "a sandbox is prepared again when its actor comes back",
        _FOLDER + "api/part.py",
        "Part._prepare_once",
        branch_on("PREPARED"),
        always,
        (_PART + "test_it_is_not_started_again_for_an_actor_that_comes_back",),
    ),
    Mutant(
        "a sandbox is never prepared",
        _FOLDER + "api/part.py",
        "Part._prepare_once",
        branch_on("PREPARED"),
        never,
        (_PART + "test_files_and_a_script_are_there_before_the_first_command",),
    ),
    Mutant(
        "each of those who wait prepares a sandbox",
        _FOLDER + "api/part.py",
        "Part._prepare",
        branch_on("_preparing"),
        always,
        (_PART + "test_a_start_is_prepared_once_however_many_wait_for_it",),
    ),
    Mutant(
        "a sandbox that may have gone to sleep is not asked whether it is there",
        _FOLDER + "home.py",
        "SandboxHome._awake",
        branch_on("is_fresh"),
        never,
        (_HOME + "test_one_that_has_just_gone_to_sleep_is_started_again",),
    ),
    Mutant(
        "a sandbox that was told to end is asked more",
        _FOLDER + "home.py",
        "SandboxHome.forget",
        branch_on("_connections"),
        never,
        (_HOME + "test_one_that_was_told_to_end_is_asked_nothing_more",),
    ),
    Mutant(
        "each who looks for a sandbox has a connection of its own",
        _FOLDER + "home.py",
        "SandboxHome._shared",
        expression("tasks.get(sandbox_id)"),
        to("None"),
        (
            _HOME + "test_one_that_runs_is_found_once_by_all_who_look",
            _HOME + "test_one_connection_is_for_all",
        ),
    ),
    Mutant(
        "a sandbox that is being started is looked for beside that",
        _FOLDER + "home.py",
        "SandboxHome.find",
        expression("self._opening.get(sandbox_id)"),
        to("None"),
        (_HOME + "test_one_that_is_being_started_is_found",),
    ),
    Mutant(
        "who gives up at the moment of the greeting leaves a connection open",
        _FOLDER + "connection.py",
        "SandboxConnection._try",
        expression("BaseException"),
        to("TimeoutError"),
        (
            _TESTS + "test_connection.py"
            "::test_who_gives_up_at_the_moment_of_the_greeting_leaves_no_connection",
        ),
    ),
    Mutant(
        "a record that nobody knows is a dict",
        "actors/records.py",
        "record_of",
        expression("_KNOWN.get(name)"),
        to("_KNOWN.get(name, dict)"),
        ("tests/actors/test_records.py::test_what_is_no_record_is_refused",),
    ),
)

_THINGS = (
    Mutant(
        "the id of a backup is any path",
        _FOLDER + "backups/store.py",
        "checked_id",
        branch_on("_ID"),
        never,
        (_TESTS + "backups/test_store.py::test_what_is_no_id_never_becomes_a_path",),
    ),
    Mutant(
        "a backup is found before it is on the disk",
        _FOLDER + "backups/store.py",
        "BackupWriter.commit",
        calls("fsync"),
        nothing,
        (_TESTS + "backups/test_store.py::test_it_is_on_the_disk_before_it_can_be_found",),
    ),
    Mutant(
        "an archive that was exchanged is restored",
        _FOLDER + "api/backups.py",
        "_check_digest",
        branch_on("digest"),
        never,
        (_TESTS + "api/test_backups.py::test_an_archive_that_was_exchanged_is_not_restored",),
    ),
    Mutant(
        "whoever reaches the code host has code run",
        _FOLDER + "interpreter/inside/host.py",
        "Host._introduced",
        branch_on("compare_digest"),
        never,
        (
            _TESTS
            + "interpreter/inside/test_host.py::test_who_does_not_know_the_secret_hears_nothing",
        ),
    ),
    Mutant(
        "a terminal is shown to a client that does not read",
        _FOLDER + "terminal_relay.py",
        "TerminalRelay._until_taken",
        expression("delay_s == 0 or self._socket.buffered_amount > WAITING_BYTES_MAX"),
        to("delay_s == 0"),
        (_RELAY + "test_a_client_that_does_not_read_stops_the_program_that_writes",),
    ),
    Mutant(
        "a page is sent more than it takes",
        _FOLDER + "terminal_relay.py",
        "TerminalRelay._until_taken",
        expression("self._may_show.wait()"),
        to("asyncio.sleep(0)"),
        (_RELAY + "test_a_client_that_says_what_it_has_taken_is_sent_little_ahead",),
    ),
)

SANDBOXES = _PREVIEWS + _CALLS + _THINGS
