"""Each check accepts correct answers of any style and names the symptom of typical mistakes.

The answers are in `answers/`, a module for each lesson: `CORRECT` maps a check to answers, `WRONG` to pairs of an
answer and a part of the message that it must get. `VALUES` holds the checks whose answer is no function.
"""

import importlib
import os
import pkgutil
import threading

import answers
import pytest

from resnet_edu import checks
from resnet_edu.checks import answers as checking

LESSONS = [importlib.import_module(f"answers.{module.name}") for module in pkgutil.iter_modules(answers.__path__)]
CORRECT = {check: rows for lesson in LESSONS for check, rows in lesson.CORRECT.items()}
WRONG = {check: rows for lesson in LESSONS for check, rows in lesson.WRONG.items()}
# Mistakes are recognized by NumPy: on the second backend a few of each check are enough, and all right answers.
TRIED = 5 if os.environ["KERAS_BACKEND"] == "jax" else None


def name_of(check):
    return getattr(check, "__name__", None) or f"{check.func.__name__}-{check.args[0]}"


@pytest.mark.parametrize(
    ("check", "answer"),
    [pytest.param(c, a, id=f"{name_of(c)}-{i}") for c, answers in CORRECT.items() for i, a in enumerate(answers)],
)
def test_a_correct_answer_is_accepted(check, answer):
    result = check(answer)
    assert result.passed, result
    assert repr(result).startswith("✓")


@pytest.mark.parametrize(
    ("check", "answer", "symptom"),
    [
        pytest.param(c, a, s, id=f"{name_of(c)}-{i}")
        for c, rows in WRONG.items()
        for i, (a, s) in enumerate(rows[:TRIED])
    ],
)
def test_a_wrong_answer_is_told_its_symptom_and_a_hint(check, answer, symptom):
    result = check(answer)
    assert result.status == "wrong"
    assert symptom in result.message
    assert result.hint
    assert repr(result).startswith("✗")
    assert "Hint: " in repr(result)


@pytest.mark.parametrize("check", list(CORRECT), ids=name_of)
def test_there_are_enough_answers_of_both_kinds(check):
    mistakes = [message for same, rows in WRONG.items() if name_of(same) == name_of(check) for _, message in rows]
    assert len(CORRECT[check]) >= 3
    assert len(mistakes) >= 5


def stubs_of(check):
    takes_a_value = any(check in getattr(lesson, "VALUES", ()) for lesson in LESSONS)
    return [None, ...] if takes_a_value else [None, ..., lambda *arguments: None]


@pytest.mark.parametrize(
    ("check", "stub"),
    [pytest.param(c, s, id=f"{name_of(c)}-{i}") for c in CORRECT for i, s in enumerate(stubs_of(c))],
)
def test_a_stub_is_not_attempted(check, stub):
    assert repr(check(stub)).startswith("○ not attempted yet")


def test_an_endless_answer_is_stopped(monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT", 0.3)

    swallowed = []

    def endless(n):
        while True:
            try:
                n += 1
            except:  # noqa: E722, this is what a learner may write
                swallowed.append(n)
                if len(swallowed) > 1:
                    raise

    result = checks.check_depth(endless)
    assert result.status == "wrong"
    assert "no answer after many seconds" in result.message


def test_a_stop_that_became_another_error_is_one_all_the_same(monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT", 0.3)

    def endless(n):
        try:
            while True:
                n += 1
        except BaseException as error:  # as NumPy does where the alarm meets its compiled code
            raise SystemError("returned a result with an exception set") from error

    assert "no answer after many seconds" in checks.check_depth(endless).message


def test_an_answer_that_ends_the_program_does_not():
    def leave(n):
        raise SystemExit(f"no layers in {n}")

    assert "SystemExit: no layers in 1" in checks.check_depth(leave).message


def test_the_stop_button_stops_a_check():
    def interrupted(n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.check_depth(interrupted)


def test_a_check_works_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(checks.check_depth(lambda n: 6 * n + 2)))
    thread.start()
    thread.join()
    assert results[0].passed


def test_an_unknown_question_is_the_lessons_mistake_not_the_learners():
    assert "no question is called" in checks.check_prediction("sigmiod", "a").message
