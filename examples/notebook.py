# %% [markdown]
# # Features without look-ahead
#
# A notebook as a plain file: Jupyter (with jupytext), VS Code and PyCharm open it cell by cell, and
# `python examples/notebook.py` runs it from top to bottom. It needs `pip install 'mtf-engine[arrow]' polars`.
#
# A synthetic week of quotes stands for your file; put its name in place of `source`.

# %%
from pathlib import Path

import polars as pl

import mtf

source = "synthetic:seed=7,symbols=EURUSD,events=20000,pace_ms=15000,start=2024-03-07"

# %% [markdown]
# ## Right bars
#
# Every timeframe of the source in one call, by the market's own trading days.

# %%
bars = mtf.resample(source, "5m,1h,1d", indicators="sma:20,rsi:14")
hours = bars["1h"].to_polars()
print(hours.select("start", "open", "high", "low", "close", "rsi_14").tail(3))

# %% [markdown]
# A table draws itself, with nothing else installed. As the last expression of a cell the picture is shown; here it goes
# to a file, too.

# %%
picture = bars["1h"].plot(indicators=["sma_20"])
Path("hours.svg").write_text(picture.svg)
picture

# %% [markdown]
# ## What was known when
#
# One row for each 5m bar that closes, with the hour that was still forming then. No join, so nothing to join wrongly.

# %%
known = mtf.point_in_time(source, on="5m", timeframes="5m,1h", indicators="sma:20,rsi:14").to_polars()
features = known.select(
    "time",
    momentum=pl.col("5m.bar.close") - pl.col("5m.live.sma_20"),
    in_hour=(pl.col("5m.bar.close") - pl.col("1h.partial.low"))
    / (pl.col("1h.partial.high") - pl.col("1h.partial.low")),
    hourly_rsi=pl.col("1h.live.rsi_14"),
    label=pl.col("5m.bar.close").shift(-12) - pl.col("5m.bar.close"),  # the future, on purpose: what is to be predicted
)
print(features.drop_nulls().describe())

# %% [markdown]
# The columns are, to the bit, what a consumer's `view` shows live at that moment, so a model trained on them can be
# used in `on_bar` as it is.
