"""The size of one point of price in Dukascopy's binary files, by instrument: prices are whole numbers of points.

Source: the instrument list that Dukascopy's own web pages load (pip sizes, a tenth of which is a point), as published
by dukascopy-node 1.46.4 with its corrections for BAT, UNI and LNK. For other instruments an option is needed: a wrong
power of ten looks like a price.
"""

from __future__ import annotations

import functools
import re
from typing import Final

__all__ = ["dukascopy_point"]

# Shares and funds: the exchange's country, then the currency. JP counts tenths of a yen.
_SHARES: Final = re.compile(
    r"[A-Z0-9]+?(?:(?:USUSD|GBGB[XP]|GBUSD|(?:DE|FR|NL|ES|IT|BE|AT|PT|IE|FI|VFI)EUR|CHCHF|SESEK|NONOK|DKDKK|HKHKD|MXMXN)"
    r"|(?P<yen>JPJPY))"
)

# Single instruments, by power of ten.
_NAMED: Final[dict[str, int]] = {
    name: power
    for power, names in {
        -1: "BCHCHF BCHEUR BCHGBP BCHUSD BTCCHF BTCEUR BTCGBP BTCUSD ETHCHF ETHEUR ETHGBP ETHUSD LTCCHF LTCEUR "
        "LTCGBP LTCUSD YFIUSD CSH2GBGBX XAUCZK XAUHUF XAUJPY XAUMXN XAUTHB XAUTRY XAUZAR",
        -2: "AVEUSD CMPUSD DUKEUR MKRUSD SOAIDXZAR VOLIDXUSD",
        -3: "ADAUSD DSHUSD ENJUSD LNKUSD MATUSD UNIUSD XAUAED XAUAUD XAUCAD XAUCHF XAUCNH XAUDKK XAUEUR XAUGBP "
        "XAUHKD XAUILS XAUNOK XAUNZD XAUPLN XAURON XAUSAR XAUSEK XAUSGD XAUUSD XAGAED XAGAUD XAGCAD XAGCHF "
        "XAGCNH XAGCZK XAGDKK XAGEUR XAGGBP XAGHKD XAGHUF XAGILS XAGJPY XAGMXN XAGNOK XAGNZD XAGPLN XAGRON "
        "XAGSAR XAGSEK XAGSGD XAGTHB XAGTRY XAGUSD XAGZAR AUSIDXAUD CHEIDXCHF CHIIDXUSD DEUIDXEUR "
        "DOLLARIDXUSD ESPIDXEUR EUSIDXEUR FRAIDXEUR GBRIDXGBP HKGIDXHKD INDIDXUSD ITAIDXEUR JPNIDXJPY "
        "NLDIDXEUR PLNIDXPLN SGDIDXSGD USA30IDXUSD USA500IDXUSD USATECHIDXUSD USSC2000IDXUSD BRENTCMDUSD "
        "COCOACMDUSD COFFEECMDUSX COTTONCMDUSX DIESELCMDUSD LIGHTCMDUSD OJUICECMDUSX SOYBEANCMDUSX "
        "SUGARCMDUSD XPDCMDUSD XPTCMDUSD BUNDTREUR UKGILTTRGBP USTBONDTRUSD",
        -4: "EOSUSD COPPERCMDUSD GASCMDUSD",
        -5: "BATUSD TRXUSD XAUXAG XLMCHF XLMEUR XLMGBP XLMUSD",
    }.items()
    for name in names.split()
}

_CURRENCIES: Final = (
    "AED AUD CAD CHF CNH CZK DKK EUR GBP HKD HUF ILS JPY MXN NOK NZD PLN RON SAR SEK SGD THB TRY USD ZAR"
)
_MONEYS: Final = frozenset(_CURRENCIES.split())
# Pairs are quoted to a hundred-thousandth; those of these currencies, against the named ones, to another fraction.
_COARSE: Final[dict[str, dict[int, str]]] = {
    "JPY": {
        -3: "AED AUD CAD CHF CNH EUR GBP ILS NZD PLN RON SAR SGD TRY USD ZAR",
        -5: "DKK HKD MXN NOK SEK THB",
        -4: "CZK",
    },
    "HUF": {
        -3: "AUD CAD CHF CNH DKK EUR GBP HKD ILS NOK NZD PLN RON SAR SEK SGD TRY USD ZAR",
        -4: "CZK MXN",
        -5: "AED JPY THB",
    },
    "CZK": {-4: "AED AUD CAD CHF CNH DKK EUR GBP HKD ILS NOK NZD PLN RON SAR SEK SGD USD ZAR"},
    "THB": {-3: "AED AUD CAD CHF CNH DKK EUR GBP HKD ILS NOK NZD RON SAR SEK SGD ZAR", -4: "USD", -5: "PLN TRY"},
}
# Listed with a point unlike that of any other pair of the currency: an option is needed.
_DOUBTFUL: Final = frozenset({"AUDCNH", "CZKTHB", "CZKTRY", "MXNCZK", "MXNTHB", "NZDHKD", "USDAED", "USDSAR"})


@functools.lru_cache(maxsize=1024)  # a folder has thousands of files of one symbol
def dukascopy_point(symbol: str) -> int | None:
    """Return the power of ten of one point of *symbol*, as Dukascopy names it: BTCUSD, USA500IDXUSD, 0700HKHKD.

    None if it is not known.
    """
    name = re.sub(r"[^A-Z0-9]", "", symbol.upper())
    power = _NAMED.get(name)
    if power is not None:
        return power
    base, quote = name[:3], name[3:]
    if base in _MONEYS and quote in _MONEYS:
        if base == quote or name in _DOUBTFUL:
            return None
        if quote not in _COARSE:
            return -5 if base not in _COARSE else None
        return next((power for power, bases in _COARSE[quote].items() if base in bases.split()), None)
    share = _SHARES.fullmatch(name)
    if share is None:
        return None
    return -1 if share["yen"] else -3
