"""What a consumer should promise, as tests: inherit, and implement `make`. docs/audit.md explains what is compared."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from mtf.actors.consumer import Consumer
from mtf.audit.auditor import AuditReport, audit
from mtf.events.tick import Tick
from mtf.pipeline.pipeline import Pipeline
from mtf.testing.tick_text import at

__all__ = ["ConsumerContract"]

STEP_NS = 7_000_000_000


class ConsumerContract:
    """Tests of the consumer that `make` returns, on a synthetic market: `ticks` quotes of two symbols."""

    settings: ClassVar[dict[str, Any]] = {"timeframes": ("1m", "5m", "1h"), "calendar": "crypto"}
    ticks: ClassVar[int] = 600

    def make(self) -> Consumer:
        """Return a new consumer."""
        raise NotImplementedError("return a new consumer")

    def test_it_does_not_know_the_future(self) -> None:
        """On a log that ends earlier it gives the same outputs up to there."""
        assert _found(self._audited(), "future") == []

    def test_it_is_deterministic(self) -> None:
        """A second run gives the same outputs."""
        assert _found(self._audited(), "determinism") == []

    def test_it_loses_no_state(self) -> None:
        """A consumer that loads a saved state continues as if it had run all along."""
        assert _found(self._audited(), "restart") == []

    def _audited(self) -> AuditReport:
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(self._audit(Path(folder) / "run"))

    async def _audit(self, path: Path) -> AuditReport:
        chance = random.Random(1)
        async with Pipeline(data=path, clock="ticks", checkpoint_seconds=None, **self.settings) as pipeline:
            price = 100.0
            for k in range(self.ticks):
                price = max(50.0, price + chance.randint(-8, 8) / 64)
                await pipeline.push(Tick("ABC" if k % 3 else "XYZ", at("10:00") + k * STEP_NS, price, price + 0.125))
        return await audit(path, self.make, cuts=4)


def _found(report: AuditReport, check: str) -> list[str]:
    return [
        f"seq {each.seq}, {each.channel}: {each.sentence}; expected {each.expected}, found {each.found}"
        for each in report.findings
        if each.check == check
    ]
