"""The compute kernels at every instruction-set level, without Python between.

tests/native is a C++ program that compares each kernel with references of higher precision. It is
built here with the kernels, for this machine, with sanitizers, and for AArch64 under emulation.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
CXX = shlex.split(os.environ.get("CXX", "g++"))
CROSS = "aarch64-linux-gnu-"
QEMU = "qemu-aarch64"
# The kernels are compiled as setup.py compiles them, the tests for a short build.
KERNEL_FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
TEST_FLAGS = ["-O1"]
WARNINGS = ["-Wall", "-Wextra"]
if os.environ.get("PYFRAME_WERROR", "") not in ("", "0"):
    WARNINGS.append("-Werror")

pytestmark = [
    pytest.mark.skipif(not (CSRC / "isa").is_dir(), reason="needs the sources of the engine"),
    pytest.mark.timeout(900),
    pytest.mark.slow,  # builds all kernels again
]
needs_compiler = pytest.mark.skipif(
    shutil.which(CXX[0]) is None, reason=f"needs a C++ compiler; {CXX[0]} is not there"
)
needs_cross_tools = pytest.mark.skipif(
    shutil.which(f"{CROSS}g++") is None or shutil.which(QEMU) is None,
    reason=f"needs {CROSS}g++ and {QEMU}",
)


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Output of a command; the test fails with it if the command does."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def build(
    folder: Path,
    compiler: list[str],
    flags: tuple[str, ...] = (),
    kernel_flags: list[str] = KERNEL_FLAGS,
) -> Path:
    """Compiles kernels and tests into `folder` and returns the program."""
    common = ["-std=c++17", f"-I{CSRC}", *WARNINGS, *flags]

    def compile_one(source: Path) -> Path:
        own = kernel_flags if source.is_relative_to(CSRC) else TEST_FLAGS
        result = folder / f"{source.stem}.o"
        run(*compiler, *common, *own, "-c", source, "-o", result)
        return result

    kernels = sorted((CSRC / "isa").glob("*.cc"))
    tests = sorted((ROOT / "tests" / "native").glob("*.cc"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, kernels + tests))
    program = folder / "kernel_tests"
    run(*compiler, *flags, *objects, "-o", program)
    return program


def levels_that_passed(output: str) -> set[str]:
    """Levels without failures, from the output of the program."""
    assert re.search(r"^[1-9]\d* checks, 0 failures$", output, re.MULTILINE), output
    return set(re.findall(r"^(\w+): [1-9]\d* checks, 0 failures$", output, re.MULTILINE))


def check_native_levels(output: str) -> None:
    """Every level ran that this machine has, the baseline at least."""
    missing = set(re.findall(r"^(\w+): not supported", output, re.MULTILINE))
    expected = {
        "x86_64": {"baseline", "avx2", "avx512"},
        "AMD64": {"baseline", "avx2", "avx512"},
        "aarch64": {"neon"},
        "arm64": {"neon"},
    }.get(platform.machine(), {"baseline"})
    assert not missing & {"baseline", "neon"}
    assert levels_that_passed(output) == expected - missing


def disassembly(objdump: str, file: Path) -> str:
    return run(objdump, "-d", "--no-show-raw-insn", file)


@pytest.fixture(scope="module")
def native_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("native"), CXX)


@pytest.fixture(scope="module")
def neon_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("neon"), [f"{CROSS}g++"], ("-static",))


@needs_compiler
def test_kernels(native_program: Path) -> None:
    check_native_levels(run(native_program))


@needs_compiler
@pytest.mark.skipif(
    shutil.which("objdump") is None or platform.machine() not in ("x86_64", "AMD64"),
    reason="needs objdump and an x86-64 machine",
)
@pytest.mark.parametrize(
    ("name", "register"), [("avx2", "%ymm"), ("avx512", "%zmm")], ids=["avx2", "avx512"]
)
def test_x86_kernels_multiply_and_add_whole_vectors(
    native_program: Path, name: str, register: str
) -> None:
    text = disassembly("objdump", native_program.parent / f"{name}.o")
    for suffix in ("ps", "pd"):
        assert re.search(rf"\tvfmadd\d+{suffix}\s.*{register}", text), suffix


@needs_compiler
def test_kernels_with_sanitizers(tmp_path: Path) -> None:
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")
    program = build(tmp_path, CXX, flags, ["-O1", *KERNEL_FLAGS[1:]])
    # A preloaded library would come before the sanitizer's.
    check_native_levels(run(program, env={"LD_PRELOAD": ""}))


@needs_cross_tools
def test_neon_kernels_under_emulation(neon_program: Path) -> None:
    assert levels_that_passed(run(QEMU, neon_program)) == {"neon"}


@needs_cross_tools
@pytest.mark.skipif(shutil.which(f"{CROSS}objdump") is None, reason=f"needs {CROSS}objdump")
def test_neon_kernels_multiply_and_add_whole_vectors(neon_program: Path) -> None:
    text = disassembly(f"{CROSS}objdump", neon_program.parent / "neon.o")
    for shape in ("4s", "2d"):
        assert re.search(rf"\tfmla\tv\d+\.{shape}", text), shape
