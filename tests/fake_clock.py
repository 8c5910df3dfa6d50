"""The fake clock, which users have too: see `mtf.testing`."""

from __future__ import annotations

from mtf.testing.fake_clock import FakeClock, FakeTimer

__all__ = ["FakeClock", "FakeTimer"]
