"""Each hidden variant gives points to every right answer, none to a wrong one or to one that learned the check."""

import importlib
import itertools
import pkgutil

import answers
import keras
import pytest

from instructor import variants
from resnet_edu import checks
from resnet_edu.checks import answers as checking

LESSONS = [importlib.import_module(f"answers.{module.name}") for module in pkgutil.iter_modules(answers.__path__)]
NAMES = {getattr(checks, name): name for name in checks.__all__}
CORRECT = {NAMES[c]: rows for lesson in LESSONS for c, rows in lesson.CORRECT.items() if c in NAMES}
WRONG = {NAMES[c]: rows for lesson in LESSONS for c, rows in lesson.WRONG.items() if c in NAMES}
FUNCTIONS = [name for name in CORRECT if name not in variants.QUESTIONS]
# Checks that build networks take seconds: of their wrong answers a few are tried, and of all others all.
SLOW = {"check_resnet_v1", "check_resnet_v2", "check_stride_position", "check_projection", "check_identity_block"}


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """On a busy machine a right answer can take longer than a learner waits; see instructor/runner.py."""
    monkeypatch.setattr(checking, "TIME_LIMIT", 12)


def passes(name, answer, seed="tests"):
    return getattr(checks, name)(answer, **variants.draw_keywords(name, seed)).passed


def rows(table, most=None):
    return [
        pytest.param(name, row, id=f"{name}-{i}")
        for name in FUNCTIONS
        for i, row in enumerate(table[name][: most if name in SLOW else None])
    ]


@pytest.mark.parametrize(("name", "answer"), rows(CORRECT, most=3))
def test_every_right_function_gets_the_points(name, answer):
    assert passes(name, answer)


@pytest.mark.parametrize(("name", "row"), rows(WRONG, most=4))
def test_no_wrong_function_gets_points(name, row):
    assert not passes(name, row[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_stub_gets_points(name):
    assert not passes(name, lambda *given, **options: None)


@pytest.mark.parametrize("name", variants.QUESTIONS)
def test_the_value_of_the_lesson_is_wrong_and_the_answer_right_whatever_is_drawn(name):
    for seed in range(6):
        drawn = variants.draw_keywords(name, seed)
        answer = eval(variants.QUESTIONS[name].answer(**drawn), {"keras": keras})
        assert passes(name, answer, seed)
        assert not passes(name, CORRECT[name][0], seed)


def learned(name, answer):
    """An answer that knows what the open check asks, and nothing else."""
    known = set()

    def watching(*given, **options):
        known.add(_key(given, options))
        return answer(*given, **options)

    assert getattr(checks, name)(watching).passed
    return lambda *given, **options: answer(*given, **options) if _key(given, options) in known else 0


def _key(given, options):
    return repr([getattr(value, "shape", value) if not _is_data(value) else repr(value) for value in given]), repr(
        options
    )


def _is_data(value):
    return hasattr(value, "shape") and not isinstance(value, keras.KerasTensor)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_who_learned_the_open_check_gets_no_points(name):
    assert not passes(name, learned(name, CORRECT[name][0]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_seeds_accept_the_solution_too(name):
    for seed in itertools.islice(range(100), 1 if name in SLOW else 3):
        assert passes(name, CORRECT[name][0], seed)
