"""Names by the bytes they are written with: as a dictionary of all of them would find them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtf.sources.known_names import KnownNames

# Few letters, and the byte that is also what lies beyond a short name: so many names differ in little.
WRITTEN = st.lists(st.sampled_from([0, 65, 66, 255]), max_size=20).map(bytes)


@given(known=st.lists(WRITTEN, max_size=30), asked=st.lists(WRITTEN, max_size=60), after=st.binary(max_size=9))
def test_names_are_found_as_in_a_dictionary(known: list[bytes], asked: list[bytes], after: bytes) -> None:
    names = KnownNames()
    expected: dict[bytes, str] = {}
    for written in known:
        names.add(written, written.hex())
        expected[written] = written.hex()
        for each in (*asked, written):
            assert names.get(b"x" + each + after, 1, 1 + len(each)) == expected.get(each)


def test_no_name_is_known_at_first() -> None:
    assert KnownNames().get(b"EURUSD,1.1", 0, 6) is None


def test_names_that_share_a_place_replace_each_other() -> None:
    names = KnownNames()
    written = [b"%04d" % k for k in range(1_000)]
    for each in written:
        names.add(each, each.decode())
    for _ in range(2):
        for each in written:
            assert names.get(each + b",1.10,1.11", 0, 4) == each.decode()
