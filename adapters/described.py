"""What the texts below a model's attributes say, read from its source when somebody asks.

Models could gather them by themselves when they are made; it would take a program that never
shows them a tenth of a second at each start, and the memory of every source it read.
"""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema


@cache
def texts(model: type[BaseModel]) -> Mapping[str, str]:
    """Give the text of each attribute that has one; of several in the family the latest counts."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            own = _own(one)
            known = {name: text for name, text in found.items() if name not in own}
            found = known | {name: text for name, text in own.items() if text is not None}
    return found


def _own(model: type[BaseModel]) -> dict[str, str | None]:
    """Give the attributes a model itself declares, and the text below each."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    except (OSError, TypeError):  # it was made by a program
        return {}
    if not isinstance(tree, ast.ClassDef):
        return {}
    return {
        one.target.id: _text(following)
        for one, following in pairwise([*tree.body, ast.Pass()])
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }


def _text(statement: ast.stmt) -> str | None:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return None
    text = statement.value.value
    return inspect.cleandoc(text) if isinstance(text, str) else None


class Described(GenerateJsonSchema):
    """Makes JSON Schemas whose properties have the texts of their attributes."""

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Make the schema of a model."""
        made: dict[str, Any] = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, text in texts(model).items():
            key = model.model_fields[name].alias or name
            if key in made.get("properties", {}):
                made["properties"][key].setdefault("description", text)
        return made
