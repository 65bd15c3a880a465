"""What a drop-in allows is what is needed, whatever is needed."""

from hypothesis import given
from hypothesis import strategies as st

from agent.running.confine import Needs, drop_in, is_address, resolvers

ADDRESSES = st.ip_addresses().map(str)
HOSTS = ADDRESSES | st.from_regex(r"[a-z]{1,9}\.example\.org", fullmatch=True)
TABLE = st.dictionaries(HOSTS, st.lists(ADDRESSES, min_size=1, max_size=3), max_size=6)


@given(TABLE, st.lists(ADDRESSES, max_size=3))
def test_every_address_needed_is_allowed_and_no_other(
    table: dict[str, list[str]], servers: list[str]
) -> None:
    needs = Needs(dict.fromkeys(table, ("source a",)))
    lines = drop_in("sidestream-hub", needs, table, servers).splitlines()
    allowed = {line.split("=")[1] for line in lines if line.startswith("IPAddressAllow=")}
    needed = {address for found in table.values() for address in found}
    assert allowed == needed | (set(servers) if needs.names else set())
    assert lines.count("IPAddressDeny=any") == 1
    assert set(needs.names) == {host for host in table if not is_address(host)}


@given(st.lists(ADDRESSES, unique=True), st.text(alphabet="# \tabc.", max_size=20))
def test_every_name_server_is_found_once(servers: list[str], noise: str) -> None:
    text = "\n".join(f"nameserver {server}\noptions {noise}" for server in servers * 2)
    assert list(resolvers(text)) == servers
