"""Device profiles: what is known of a meter model, one short TOML each, found by file name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.adapter import adapter, installed, protocols
from adapters.errors import PermanentError
from adapters.fields import Place, Settings
from config import toml
from config.errors import ConfigError, Problem, meant, shown
from config.locate import Findings, models, validated

BUILT_IN = Path(__file__).parent / "profiles"
SITE = Path("/etc/sidestream/profiles")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

Confidence = Literal["documented", "inferred", "unverified"]
"""Printed in the maker's document; derived from what it prints; or neither."""


class ProfilePoint(BaseModel):
    """One value: the keys of the protocol's point, and what is known about them."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    needs: tuple[str, ...] = ()
    """Keys the plant file must give, as they depend on how the device is set up."""
    confidence: Confidence | None = None
    """How far the point can be relied on, where it differs from the profile's."""
    about: str = ""
    """What to know when using it."""

    @property
    def keys(self) -> dict[str, Any]:
        """Give the keys of the protocol's point."""
        return dict(self.model_extra or {})


class ProfileFile(Settings):
    """A profile as written."""

    title: str = Field(min_length=1)
    """Maker and model."""
    source: str = Field(min_length=1)
    """The document its facts are from."""
    confidence: Confidence
    """How far its points can be relied on."""
    protocols: tuple[str, ...] = Field(min_length=1)
    """Protocols the device speaks."""
    unsure: tuple[Literal["order", "shift"], ...] = ()
    """Settings that a probe must find."""
    notes: tuple[str, ...] = ()
    """What to know before using it, and what was not found."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Settings of the source: numbering, order, max_registers, identity and the like."""
    points: Mapping[str, ProfilePoint] = Field(min_length=1)
    """Its values, by name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile, where it was found, and what it says."""

    name: str
    path: Path
    file: ProfileFile

    def merged(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
        """Lay a plant file's points over the profile's.

        Gives the points that are complete, and for those left out the keys they need.
        """
        merged: dict[str, Any] = {}
        lacking: dict[str, tuple[str, ...]] = {}
        for name, point in self.file.points.items():
            own = given.get(name, {})
            if not isinstance(own, Mapping):
                merged[name] = own  # the source's model says what is wrong with it
                continue
            keys = {**point.keys, **own}
            missing = tuple(need for need in point.needs if need not in own)
            if missing:
                lacking[name] = missing
            else:
                merged[name] = keys
        rest = {name: point for name, point in given.items() if name not in self.file.points}
        return {**merged, **rest}, lacking

    def probed(self) -> dict[str, dict[str, Any]]:
        """Give every point with what the profile knows of it, for a device seen the first time.

        A unit that the plant file must give is then 1, and a number of decimals 0.
        """
        return {name: point.keys for name, point in self.file.points.items()}


def origin(path: Path) -> str:
    """Say where a profile's file is: `built in`, `site`, or beside a plant file."""
    return {BUILT_IN: "built in", SITE: "site"}.get(path.parent, "beside plant file")


def hidden(name: str, places: Sequence[Path]) -> tuple[Path, ...]:
    """Give the files of the same name that a profile stands in front of."""
    return tuple(path for place in places if (path := place / f"{name}.toml").is_file())[1:]


def folders(base: Path | None = None) -> tuple[Path, ...]:
    """Give where profiles are looked for, first to last: beside the plant file, site, built in."""
    return (*(() if base is None else (base / "profiles",)), SITE, BUILT_IN)


def names(places: Sequence[Path]) -> dict[str, Path]:
    """Give every profile's file by its name; of two with one name the first folder's counts."""
    found: dict[str, Path] = {}
    for place in places:
        for path in sorted(place.glob("*.toml")):
            if _NAME.fullmatch(path.stem):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def profile(name: str, places: Sequence[Path]) -> Profile:
    """Find and read a profile.

    Raises `PermanentError` when there is none of that name, and `ConfigError` with every problem
    of its file.
    """
    known = names(places)
    if name not in known:
        hint = meant(name, list(known)) or "`sidestream profiles` lists them"
        raise PermanentError(f"no profile {shown(name)}", mend=hint)
    findings = Findings(toml.read(known[name]))
    data = _inherited(findings, places)
    file = validated(ProfileFile, data, (), findings, Place(known[name].parent))
    if file is not None:
        _check(file, findings)
    findings.settle()
    if file is None:
        raise AssertionError  # what is wrong has been noted, so settle has raised
    return Profile(name, known[name], file)


def _inherited(findings: Findings, places: Sequence[Path]) -> dict[str, Any]:
    """Fill in what a profile takes from another by `like`, one step deep."""
    data = dict(findings.document.data)
    like = data.pop("like", None)
    if like is None:
        return data
    known = names(places)
    if not isinstance(like, str) or like not in known:
        findings.add(("like",), shown(like), "the name of a profile", meant(str(like), list(known)))
        findings.settle()
    return {**toml.read(known[like]).data, **data}


def _check(file: ProfileFile, findings: Findings) -> None:
    """Hold settings and points against the models of the profile's protocols."""
    for protocol in file.protocols:
        if not installed(protocol):
            known = protocols()
            accepted = ", ".join(known)
            findings.add(("protocols",), shown(protocol), accepted, meant(protocol, known))
            continue
        model = adapter(protocol).settings
        part = {"protocol": protocol, **file.settings}
        _note(findings, model, part, ("settings",), set(model.model_fields))
        for name, point in file.points.items():
            _note(findings, point_model(model), point.keys, ("points", name), set(point.needs))


def _note(
    findings: Findings,
    model: type[BaseModel],
    data: Mapping[str, Any],
    at: toml.Key,
    absent: set[str],
) -> None:
    """Note what is wrong with a part of a table; `absent` keys may be missing from it."""
    scratch = Findings(findings.document)
    validated(model, dict(data), at, scratch, Place(Path()))
    findings.problems += [
        problem
        for problem in scratch.problems
        if not (problem.found == "missing" and problem.key.rsplit(".", 1)[-1] in absent)
        and problem not in findings.problems
    ]


def point_model(model: type[BaseModel]) -> type[BaseModel]:
    """Give the model of a source's points."""
    return models(model.model_fields["points"].annotation)[0]


def every(places: Sequence[Path]) -> tuple[list[Profile], list[Problem]]:
    """Read every profile there is; gives the sound ones and what is wrong with the others."""
    found: list[Profile] = []
    problems: list[Problem] = []
    for name in names(places):
        try:
            found.append(profile(name, places))
        except ConfigError as error:
            problems += error.problems
    return found, problems
