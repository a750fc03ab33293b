from perdure.runtime.shards.supervisor.liveness import Liveness, Verdict


def test_who_answers_is_asked_again() -> None:
    liveness = Liveness(1.0, 2.0, 4.0)
    for number in (1, 2, 3):
        assert liveness.tick() is Verdict.PING
        assert liveness.number == number
        assert liveness.answered(number) is None


def test_silence_is_reported_once_and_ends_in_replacement() -> None:
    liveness = Liveness(1.0, 2.0, 4.0)
    said = [liveness.tick() for _ in range(5)]
    assert said == [
        Verdict.PING,
        Verdict.WAIT,
        Verdict.REPORT,
        Verdict.WAIT,
        Verdict.REPLACE,
    ]


def test_without_a_limit_it_is_never_replaced() -> None:
    liveness = Liveness(1.0, 2.0, None)
    said = [liveness.tick() for _ in range(1000)]
    assert said.count(Verdict.REPORT) == 1
    assert Verdict.REPLACE not in said


def test_an_answer_after_the_report_says_how_long_it_took() -> None:
    liveness = Liveness(1.0, 2.0, 9.0)
    for _ in range(4):
        liveness.tick()
    assert liveness.answered(1) == 3.0
    assert liveness.tick() is Verdict.PING


def test_an_answer_to_an_older_question_counts_for_nothing() -> None:
    liveness = Liveness(1.0, 2.0, 9.0)
    liveness.tick()
    liveness.rest()
    assert liveness.tick() is Verdict.PING
    assert liveness.answered(1) is None
    assert liveness.tick() is Verdict.WAIT
    assert liveness.silent_s == 1.0


def test_rest_forgets_the_silence() -> None:
    liveness = Liveness(1.0, 2.0, 4.0)
    for _ in range(4):
        liveness.tick()
    liveness.rest()
    assert liveness.silent_s == 0
    assert liveness.tick() is Verdict.PING
