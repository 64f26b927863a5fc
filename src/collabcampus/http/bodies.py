"""Bodies of requests: a command without what the path says and without what the door fills in.

They follow from the commands, so a field that is added to a command is in its body by itself.
"""

from functools import cache
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import NODEFAULT, Struct

from collabcampus.domain import commands as c

C = TypeVar("C", bound=c.Command)
InPath = TypeVar("InPath", bound=str)


class Body(Struct, Generic[C, InPath], frozen=True):
    """What a client sends of the command `C`; `InPath` is a Literal of the fields that the path names, or Never.

    `Body[c.EditTask, Literal["task_id"]]` is a struct of its own, under the command's name and docstring.
    """

    kind: ClassVar[Any]

    def command(self, **in_path: str) -> C:
        """The command, with what the path says."""
        made: C = self.kind(**{name: getattr(self, name) for name in self.__struct_fields__}, **in_path)
        return made

    def __class_getitem__(cls, parameters: tuple[Any, Any]) -> Any:
        kind, in_path = parameters
        return _derived(kind, get_args(in_path))


@cache
def _derived(kind: type[c.Command], in_path: tuple[str, ...]) -> type[Struct]:
    types = get_type_hints(kind, include_extras=True)
    absent = {*in_path, *kind.door_fills}
    fields = [each for each in msgspec.structs.fields(kind) if each.name not in absent]
    return msgspec.defstruct(
        kind.__name__,
        [
            (each.name, types[each.name])
            if each.default is NODEFAULT
            else (each.name, types[each.name], each.default)
            for each in fields
        ],
        bases=(Body,),
        namespace={"__doc__": kind.__doc__, "kind": kind},
        module=__name__,
        frozen=True,
        kw_only=True,
        rename="camel",
        forbid_unknown_fields=True,
    )
