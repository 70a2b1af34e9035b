"""Instructions of an ISA level stand only in the functions of that level.

A wide instruction anywhere else would end the process on a CPU that lacks it. The check reads the
disassembly of the installed engine, whose symbol table the build keeps.
"""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache

import pytest

from pyframe import _core

pytestmark = pytest.mark.skipif(
    shutil.which("objdump") is None or platform.machine() not in ("x86_64", "AMD64"),
    reason="needs objdump and an x86-64 machine",
)

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
# Registers and mnemonics that plain x86-64 (SSE2) has not: ymm, zmm, mask registers, v... .
AVX = re.compile(r"%ymm|%zmm|\tv[a-z0-9]+\s")
AVX512 = re.compile(r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])")
LEVEL = re.compile(r"\bpyframe::(avx2|avx512)::")


@cache
def disassembly() -> list[tuple[str, str]]:
    """Pairs of function name and instruction, of every instruction that is not plain SSE2."""
    command = ["objdump", "-d", "-C", "--no-show-raw-insn", _core.__file__]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(_wide(text))


def _wide(text: str) -> Iterator[tuple[str, str]]:
    function = ""
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            function = match[1]
        elif AVX.search(line) or AVX512.search(line):
            yield function, line


def test_the_symbol_table_is_there_and_every_level_has_its_instructions() -> None:
    levels = {match[1] for name, _ in disassembly() if (match := LEVEL.search(name))}
    if not levels:
        symbols = subprocess.run(
            ["objdump", "-t", _core.__file__], capture_output=True, text=True, check=True
        ).stdout
        assert "no symbols" in symbols, "the engine holds no AVX2 or AVX-512 kernels"
        pytest.skip("the engine was stripped")
    assert levels == {"avx2", "avx512"}


def test_no_wide_instruction_outside_its_level() -> None:
    wrong = {name for name, _ in disassembly() if not LEVEL.search(name)}
    assert not wrong


def test_no_avx512_in_the_avx2_level() -> None:
    wrong = {
        name
        for name, line in disassembly()
        if AVX512.search(line) and not re.search(r"\bpyframe::avx512::", name)
    }
    assert not wrong


def test_no_code_of_a_level_runs_at_load_time() -> None:
    # A static initialiser that was compiled for a level would run on every CPU.
    symbols = subprocess.run(
        ["objdump", "-t", "-C", _core.__file__], capture_output=True, text=True, check=True
    ).stdout
    assert not re.findall(r"_GLOBAL__sub_I_.*(?:avx2|avx512)", symbols)
