"""The command line: `sidestream COMMAND`. What is asked most is answered without click."""

import sys


def main() -> None:
    """Run the command line; every error a person must see is one message, never a traceback."""
    from adapters.errors import SidestreamError  # noqa: PLC0415 (help must not pay for it)
    from agent.cli.quick import answered  # noqa: PLC0415 (nor must the modules of this package)

    try:
        code = answered(sys.argv[1:])
        if code is None:
            from agent.cli.group import sidestream  # noqa: PLC0415 (click takes long to import)

            sidestream(prog_name="sidestream")
        sys.exit(code)
    except SidestreamError as error:
        sys.stderr.write(f"sidestream: {error}\n")
        sys.exit(getattr(error, "exit_code", 1))
    except KeyboardInterrupt:
        sys.exit(130)
