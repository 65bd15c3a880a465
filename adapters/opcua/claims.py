"""What an answer claims to hold, checked against the bytes that it has: no hang, bounded memory.

The library builds as many members as an array says it has. Where a member takes no byte that is any
number of them: an array of Null values, dimensions that are filled up with empty lists, a text of
negative length, which steps back to be read again. And a byte may stand for a structure of a dozen
fields. So texts and Variants are read here, and one answer by so many reads only.
"""

from typing import Any

from asyncua import ua
from asyncua.ua import ua_binary

READS = 400_000
"""Reads of one answer: 20 000 references of a browsed node, or 50 000 values with all their fields.
The most costly ones to build take a few seconds."""
CHANGES = ua.NodeId(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
"""The structure whose bytes are read by `changes` instead."""
_LENGTH = 4
_BODY = ua.Message.body
_ARRAY, _MATRIX, _TYPE = 0x80, 0x40, 0x3F
"""Bits of a Variant's first byte (OPC 10000-6 5.2.2.16)."""


class Answer:
    """The bytes of one answer, read from first to last, as the library's own buffer is."""

    __slots__ = ("_at", "_data", "_end", "_spent")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = len(data)
        self._spent = [0]

    def __len__(self) -> int:
        return self._end - self._at

    def read(self, size: int) -> bytes:
        """Take the next bytes; raises `UaError` where there are fewer, or after too many reads."""
        at = self._at
        end = at + size
        if size < 0 or end > self._end:
            raise ua.UaError(f"{size} bytes claimed where {len(self)} are left")
        self._spent[0] += 1
        if self._spent[0] > READS:
            raise ua.UaError(f"an answer of more than {READS} parts")
        self._at = end
        return self._data[at:end]

    def skip(self, size: int) -> None:
        """Pass over the next bytes; raises `UaError` where there are fewer."""
        self.read(size)

    def copy(self, size: int = -1) -> "Answer":
        """Give the next bytes, as many as there are, to be read beside: as parts of the whole."""
        part = Answer(self._data)
        part._at = self._at
        part._end = self._end if size < 0 else min(self._at + size, self._end)
        part._spent = self._spent
        return part


def variant(data: Any) -> Any:
    """Read a Variant, as the library's `variant_from_binary` does; raises `UaError`.

    Each member of an array takes a byte at least; the dimensions must be those of the members there
    are, as the standard has it (OPC 10000-6 5.2.2.16).
    """
    head = data.read(1)[0]
    kind = ua.datatype_to_varianttype(head & _TYPE)
    if not head & _ARRAY:
        if head & _MATRIX:
            raise ua.UaError("dimensions without an array")
        return ua.Variant(ua_binary.unpack_uatype(kind, data), kind, is_array=False)
    claimed = int.from_bytes(data.copy(_LENGTH).read(_LENGTH), "little", signed=True)
    if claimed > 0 and (kind == ua.VariantType.Null or claimed > len(data)):
        raise ua.UaError(f"an array of {claimed} members in {len(data)} bytes")
    members = ua_binary.unpack_uatype_array(kind, data)
    if not head & _MATRIX:
        return ua.Variant(members, kind, is_array=True)
    sizes = ua_binary.unpack_uatype_array(ua.VariantType.Int32, data)
    return ua.Variant(matrix(members, sizes), kind, sizes, is_array=True)


def matrix(members: list[Any] | None, sizes: list[int] | None) -> list[Any] | None:
    """Nest the members of a matrix by its dimensions; raises `UaError` where they do not agree."""
    product = 1
    for size in sizes or ():
        product *= size
    if not members or not sizes:
        return members
    if min(sizes) < 1 or product != len(members):
        raise ua.UaError(f"dimensions {sizes[:9]} for {len(members)} members")
    for size in sizes[:0:-1]:
        members = [members[at : at + size] for at in range(0, len(members), size)]
    return members


def _body(message: Any) -> Answer:
    """Give what a message holds, over all its chunks."""
    whole = _BODY(message)
    return Answer(whole.read(len(whole)))


def bound() -> None:
    """Put `Answer` and `variant` in the place of the library's own, for every connection.

    The library has no door for it. To be called before anything is decoded: it keeps decoders that
    it has made. A structure that it does not know it leaves as bytes: data changes, from now on.
    """
    ua_binary.variant_from_binary = variant
    ua.Message.body = _body
    ua.extension_objects_by_typeid.pop(CHANGES, None)
