"""A pipeline inside a web app (Starlette): the app's lifespan owns it, ticks go in, snapshots come out.

    pip install 'mtf-engine[web]'
    uvicorn --app-dir examples web_app:app
    curl localhost:8000/snapshot/DEMO
    curl localhost:8000/ticks -d '[{"symbol": "DEMO", "ts_ns": 1709719200000000000, "price": 100.5, "size": 2}]'

`POST /ticks` answers once the ticks are in the bars, and, with a data directory, in the log. `GET /snapshot/SYMBOL` is
every timeframe at one and the same tick, whatever is pushed meanwhile. Give `make_app` a feed of your own
(docs/feeds.md): the one here makes up a trade every 100 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import mtf


def make_app(feed: AsyncIterable[mtf.Tick] | None = None, **settings: Any) -> Starlette:
    """Make an app around a pipeline with *settings*, into which *feed* is pushed while the app runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        async with mtf.Pipeline(**settings) as pipeline:
            app.state.pipeline = pipeline
            feeding = asyncio.create_task(pipeline.run(feed)) if feed is not None else None
            app.state.feeding = feeding
            try:
                yield
            finally:
                if feeding is not None:
                    feeding.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await feeding  # raises what ended it, if it was not us

    routes = [Route("/ticks", push, methods=["POST"]), Route("/snapshot/{symbol}", snapshot)]
    return Starlette(routes=routes, lifespan=lifespan)


async def push(request: Request) -> Response:
    """Push the ticks of the body, a JSON array of the arguments of `mtf.Tick`."""
    pipeline: mtf.Pipeline = request.app.state.pipeline
    seq = pipeline.seq
    try:
        for values in orjson.loads(await request.body()):
            seq = await pipeline.push(mtf.Tick(**values))
    except (TypeError, ValueError) as error:
        raise HTTPException(400, str(error)) from error
    await pipeline.applied(seq)
    return answer({"seq": seq})


async def snapshot(request: Request) -> Response:
    """Answer all timeframes of a symbol as of the newest event."""
    pipeline: mtf.Pipeline = request.app.state.pipeline
    try:
        return answer(pipeline.snapshot(request.path_params["symbol"]))
    except mtf.errors.UnknownSymbol as error:
        raise HTTPException(404, str(error)) from error


def answer(value: Any) -> Response:
    return Response(orjson.dumps(value, default=lambda each: each.to_dict()), media_type="application/json")


async def made_up() -> AsyncIterator[mtf.Tick]:
    """Yield a trade every 100 ms, for ever."""
    price = 100.0
    while True:
        price = max(1.0, price + random.choice((-0.25, 0.0, 0.25)))
        yield mtf.Tick("DEMO", time.time_ns(), price=price, size=1.0)
        await asyncio.sleep(0.1)


app = make_app(made_up(), calendar="crypto", timeframes="1m,5m,1h", indicators="sma:20")
