# mypy: ignore-errors
"""Compiles a wheel and installs it as a page would. Runs inside Pyodide; install.mjs calls ``installed``."""

import zipfile
from pathlib import Path
from py_compile import PyCompileError

import micropip
from pyodide_build._py_compile import _py_compile_archive


async def installed(wheel):
    """Return the compiled wheel's path; raises ValueError where it cannot be compiled or installed."""
    try:
        compiled = _py_compile_archive(Path(wheel), verbose=False)
    except PyCompileError as error:
        wrong = error.exc_value
        place = f"{error.file}, line {wrong.lineno}" if isinstance(wrong, SyntaxError) else error.file
        raise ValueError(f"{place}: {error.exc_type_name}: {getattr(wrong, 'msg', wrong)}") from None
    except zipfile.BadZipFile as error:
        raise ValueError(f"not a wheel: {error}") from None
    if compiled is None:
        raise ValueError("not a wheel's name, which is NAME-VERSION-py3-none-any.whl")
    await micropip.install(f"emfs:{compiled}")
    return str(compiled)
