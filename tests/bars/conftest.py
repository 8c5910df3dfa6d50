"""The rules of bars are stated once, and hold for two: the engine, and the slow model that it is compared with."""

from __future__ import annotations

import pytest

from tests.bars.builders import SUBJECTS, Run, RunEvents, runner_of


@pytest.fixture(params=list(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> str:
    """Return what the rule is tried on: `engine` or `model`."""
    name: str = request.param
    return name


@pytest.fixture
def run(subject: str) -> Run:
    """Return what runs a line of text through the subject."""
    return runner_of(subject)


@pytest.fixture
def run_events(subject: str) -> RunEvents:
    """Return what runs events through the subject."""
    return SUBJECTS[subject]
