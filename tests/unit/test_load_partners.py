"""Partners in a plant file: what they mean, and every contradiction at its line."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load_plant
from config.plan import PlantPlan
from tests.clikit import PLANT
from tests.partnerkit import partner_key
from tests.plants import HOUR, MINUTE, hub_key

HUB = f"""
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1"
key = "{hub_key().public}"
"""
SHARED = PLANT.replace('max_rate = "60 t/h" }', 'max_rate = "60 t/h" }\nshare = "partner"')
TABLE = f"""
[[partners]]
name = "cement"
key = "{partner_key().public}"
contract = "2026-17"
streams = {{ slag = "stream-1" }}
until = "2027-01-01"
"""


def plan(folder: Path, text: str) -> PlantPlan:
    path = folder / "plant.toml"
    path.write_text(text)
    return load_plant(path, {})


def problems(folder: Path, text: str) -> list[tuple[int, str, str]]:
    """Give line, key and text of each problem."""
    with pytest.raises(ConfigError) as error:
        plan(folder, text)
    return [(one.line, one.key, str(one)) for one in error.value.problems]


def line_of(text: str, key: str) -> int:
    """Give the line on which a key below `partners` stands, or the table it is in."""
    table, _, rest = key.partition(".")
    at = text.rindex("partners]") if table.endswith("[1]") else text.index("partners]")
    at = text.index(f"\n{rest.split('.')[0]} =", at) + 1 if rest else at
    return text[:at].count("\n") + 1


def test_a_contract_is_resolved_with_its_end_at_the_plants_own_midnight(tmp_path: Path) -> None:
    text = SHARED.replace('owner = "', 'timezone = "Europe/Oslo"\nowner = "') + HUB + TABLE
    found = plan(tmp_path, text)
    [partner] = found.partners
    assert partner.until == 1_798_758_000 * 10**9  # 2026-12-31T23:00:00Z
    assert (partner.window, partner.streams) == (15 * MINUTE, {"slag": "stream-1"})
    assert found.streams[0].share == "partner"
    assert found.partners_of("slag") == ("cement",)
    assert found.partners_of("dust") == ()
    assert found.uplink is not None
    assert found.uplink.detail_size == 8192


def test_windows_may_be_any_whole_part_of_a_release_window(tmp_path: Path) -> None:
    for window, length in (("15 min", 15 * MINUTE), ("30 min", 30 * MINUTE), ("1 h", HOUR)):
        found = plan(tmp_path, SHARED + HUB + TABLE + f'window = "{window}"\n')
        assert found.partners[0].window == length


def test_the_share_of_a_stream_without_any_partner_is_no_mistake(tmp_path: Path) -> None:
    assert plan(tmp_path, SHARED + HUB).partners == ()


SECOND = TABLE.replace('"cement"', '"other"').replace("2026-17", "2026-18")


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (PLANT + HUB + TABLE, "partners[0].streams.slag", 'share = "off"'),
        (SHARED.replace('"partner"', '"cluster"') + HUB + TABLE, "partners[0].streams.slag",
         'share = "partner" in [streams.slag]'),
        (SHARED.replace("share =", "never_publish = true\nshare =") + HUB + TABLE,
         "partners[0].streams.slag", "never_publish"),
        (SHARED + HUB + TABLE.replace("slag =", "slog ="), "partners[0].streams.slog",
         "did you mean `slag`?"),
        (SHARED + TABLE, "partners", "without a hub"),
        (SHARED + HUB + TABLE.replace("[[partners]]", "[partners]"), "partners", "two brackets"),
        (SHARED + HUB + TABLE.replace("sspartner1_", "ssplant1_"), "partners[0].key",
         "sidestream partner key"),
        (SHARED + HUB + TABLE.replace("2027-01-01", "2027-02-30"), "partners[0].until",
         "a day of the calendar"),
        (SHARED + HUB + TABLE.replace("2026-17", "two\\nlines"), "partners[0].contract",
         "on one line"),
        (SHARED + HUB + TABLE.replace("2026-17", " blank"), "partners[0].contract", "on one line"),
        (SHARED + HUB + TABLE + 'window = "40 min"\n', "partners[0].window", "`measure`"),
        (SHARED + HUB + TABLE + 'window = "2 h"\n', "partners[0].window", "`release`"),
        (SHARED + HUB + TABLE + 'window = "5 min"\n', "partners[0].window", "`measure`"),
        (SHARED + HUB + TABLE + SECOND.replace("other", "cement"), "partners[1].name", "second"),
        (SHARED + HUB + TABLE + SECOND.replace("2026-18", "2026-17"), "partners[1].contract",
         "second"),
        (SHARED + HUB + TABLE + "[disclosure]\ndetail_size = 1024\n", "partners[0].streams",
         "detail_size = 2048"),
        (SHARED + HUB + TABLE + '[windows]\nrelease = "1 d"\n', "partners[0].streams",
         "detail_size = 32768"),
        (SHARED + HUB + TABLE + "kind = 1\n", "partners[0].kind", "unknown key"),
    ],
)  # fmt: skip
def test_a_contradiction_is_told_at_its_line(
    tmp_path: Path, text: str, key: str, words: str
) -> None:
    [(line, found, said)] = problems(tmp_path, text)
    assert found == key
    assert words in said
    assert line == line_of(text, key)


def test_two_streams_under_one_name_are_both_told(tmp_path: Path) -> None:
    more = SHARED[SHARED.index("[streams.slag]") : SHARED.index("[state]")]
    text = SHARED + more.replace("streams.slag", "streams.dust") + HUB
    table = TABLE.replace('{ slag = "stream-1" }', '{ slag = "a", dust = "a" }')
    assert [key for _, key, _ in problems(tmp_path, text + table)] == [
        "partners[0].streams.dust", "partners[0].streams.slag",
    ]  # fmt: skip


def test_partners_of_several_contracts_may_have_one_key(tmp_path: Path) -> None:
    found = plan(tmp_path, SHARED + HUB + TABLE + SECOND)
    assert found.partners_of("slag") == ("cement", "other")
