"""What a process counts of its work stays small, however much it does."""

from scenarist.observability.metrics import MAX_TASK_LABELS, Histogram, OrchestratorMetrics


def test_a_time_is_counted_by_the_first_bound_that_it_is_within() -> None:
    times = Histogram((0.1, 1.0))

    for seconds in (0.05, 0.1, 0.5, 2.0):
        times.add(seconds)

    assert times.counts == [2, 1, 1]
    assert times.seconds == 2.65


def test_the_first_configs_have_figures_of_their_own_and_the_others_share_theirs() -> None:
    figures = OrchestratorMetrics()

    for number in range(MAX_TASK_LABELS + 3):
        figures.add_attempt(f"task{number}", "COMPLETED", 1.0)
    figures.add_attempt("task0", "COMPLETED", 1.0)

    assert len(figures.run_seconds) == MAX_TASK_LABELS + 1
    assert figures.attempts["task0", "COMPLETED"] == 2
    assert figures.attempts["other", "COMPLETED"] == 3
    assert figures.run_seconds["other"] == 3.0


def test_what_did_not_start_has_no_time() -> None:
    figures = OrchestratorMetrics()

    figures.add_attempt("task", "SKIPPED", None)

    assert figures.attempts == {("task", "SKIPPED"): 1}
    assert sum(figures.run_durations.counts) == 0
    assert figures.run_seconds == {}
