"""Builds the C++ engine (pyframe._core) and the Cython modules; the metadata is in pyproject.toml.

Environment variables:
    PYFRAME_WERROR=1             warnings of the C++ compiler are errors
    PYFRAME_SANITIZE=address,... builds with these sanitizers and line numbers
    PYFRAME_BUILD_JOBS=n         compiles n files at a time (default: all processors)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

import pybind11
from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import Extension, setup
from setuptools.errors import CompileError

ROOT = Path(__file__).resolve().parent
SANITIZE = os.environ.get("PYFRAME_SANITIZE", "")
WERROR = os.environ.get("PYFRAME_WERROR", "") not in ("", "0")

# Standard-conforming arithmetic (no -ffast-math) on any machine (no -march=native): the kernels
# choose their instruction set at run time.
FLAGS = [
    "-O1" if SANITIZE else "-O3",  # sanitizers make -O3 compile very slowly
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-falign-loops=64",  # short inner loops cost up to 12 % more where they cross a cache line
]
WARNINGS = ["-Wall", "-Wextra", *(["-Werror"] if WERROR else [])]
# Nobody writes the helpers that Cython puts in; which of them are used depends on the Python.
GENERATED = [
    "-Wno-unused-function",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
    "-Wno-deprecated-declarations",
]

PROBE_CXX17 = """
#if defined(__clang__)
#if !defined(__apple_build_version__) && __clang_major__ < 10
#error "clang >= 10 is needed"
#endif
#elif !defined(__GNUC__) || __GNUC__ < 9
#error "gcc >= 9 or clang >= 10 is needed"
#endif
#include <optional>
#include <variant>
typedef float vec __attribute__((vector_size(16)));
int main() {
  std::variant<int, vec> v(1);
  if constexpr (sizeof(vec) == 16) return std::get<int>(v) - std::optional<int>(1).value();
  return 1;
}
"""
PROBE_OPENMP = """
#include <omp.h>
int main() {
  int n = 0;
#pragma omp parallel reduction(+ : n)
  n += omp_get_num_threads() > 0;
  return n < 1;
}
"""
NO_COMPILER = (
    "pyframe needs a C++17 compiler (GCC >= 9 or Clang >= 10) and '{compiler}' is not one or "
    "does not work: install one (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; "
    "macOS: xcode-select --install; Windows: use WSL and follow Debian) and try again."
)
NO_OPENMP = (
    "pyframe: '{compiler}' has no OpenMP, so the engine is built for one thread; to use all "
    "processors install OpenMP (Debian and Ubuntu: apt install libgomp1 g++, or libomp-dev for "
    "clang; Fedora: dnf install libgomp; macOS: brew install libomp) and build again."
)


def read_version() -> str:
    text = (ROOT / "pyframe" / "_version.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError("pyframe/_version.py holds no __version__")
    return match[1]


def relative(paths: list[Path]) -> list[str]:
    """Sorted paths as setuptools wants them: relative, with slashes."""
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


@cache
def newest_include(path: Path) -> float:
    """Modification time of the newest file among `path` and what it includes from csrc."""
    newest = path.stat().st_mtime
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text("utf-8"), re.MULTILINE):
        for folder in (ROOT / "csrc", path.parent):
            if (folder / name).is_file():
                newest = max(newest, newest_include(folder / name))
                break
    return newest


class Build(build_ext):
    """build_ext that explains a missing compiler and goes without OpenMP when there is none."""

    def finalize_options(self) -> None:
        super().finalize_options()
        # An editable install would use a temporary folder and compile everything each time.
        self.build_temp = f"build/temp.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"

    def build_extensions(self) -> None:
        compile_args, link_args = [*FLAGS], []
        if not self._works(PROBE_CXX17, ["-std=c++17"]):
            raise CompileError(NO_COMPILER.format(compiler=self._compilers()[1][0]))
        openmp = self._openmp()
        if openmp is None:
            print(NO_OPENMP.format(compiler=self._compilers()[1][0]), file=sys.stderr)
            compile_args.append("-Wno-unknown-pragmas")
        else:
            compile_args += openmp[0]
            link_args += openmp[1]
        if SANITIZE:
            sanitize = [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g1"]
            compile_args += [*sanitize, "-fno-sanitize-recover=all"]
            link_args += sanitize
        else:
            # Debug information goes; the symbol table stays: small, it makes profiles and crash
            # reports readable and lets a test check which functions use which instructions.
            compile_args += ["-g0"]
            link_args += ["-Wl,-S"]
        for extension in self.extensions:
            own = [*WARNINGS]
            if not isinstance(extension, Pybind11Extension):
                own += GENERATED
            present = extension.extra_compile_args
            present += [flag for flag in compile_args + own if flag not in present]
            extension.extra_link_args += link_args
            if isinstance(extension, Pybind11Extension):
                flags = " ".join(extension.extra_compile_args)
                extension.define_macros.append(("PYFRAME_COMPILE_FLAGS", f'"{flags}"'))
        stamp = self._stamp()
        ParallelCompile(
            "PYFRAME_BUILD_JOBS",
            default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
            needs_recompile=lambda obj, src: (
                Path(obj).stat().st_mtime <= max(newest_include(ROOT / src), stamp)
            ),
        ).install()
        super().build_extensions()

    def _compilers(self) -> tuple[list[str], list[str]]:
        """Command that compiles C++ and command that links it."""
        compiler = self.compiler
        link = list(getattr(compiler, "compiler_cxx", None) or ["c++"])
        compile_only = getattr(compiler, "compiler_so_cxx", None)
        return list(compile_only or getattr(compiler, "compiler_so", None) or link), link

    def _works(self, source: str, flags: list[str], link_flags: list[str] | None = None) -> bool:
        """Whether `source` compiles and links."""
        compile_command, link_command = self._compilers()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "probe.cc"
            file.write_text(source, encoding="utf-8")
            objects, program = str(file.with_suffix(".o")), str(file.with_suffix(".exe"))
            commands = [
                [*compile_command, *flags, "-c", str(file), "-o", objects],
                [*link_command, objects, *(link_flags or []), "-o", program],
            ]
            try:
                return all(
                    subprocess.run(command, capture_output=True, check=False).returncode == 0
                    for command in commands
                )
            except OSError:
                return False

    def _openmp(self) -> tuple[list[str], list[str]] | None:
        """Compile and link flags for OpenMP, or None when there is none."""
        choices: list[tuple[list[str], list[str]]] = [(["-fopenmp"], ["-fopenmp"])]
        if sys.platform == "darwin":  # Apple's clang has no driver flag; Homebrew has the library
            for prefix in ("/opt/homebrew/opt/libomp", "/usr/local/opt/libomp"):
                compile_args = ["-Xpreprocessor", "-fopenmp", f"-I{prefix}/include"]
                choices.append((compile_args, [f"-L{prefix}/lib", "-lomp"]))
        for compile_args, link_args in choices:
            if self._works(PROBE_OPENMP, compile_args, link_args):
                return compile_args, link_args
        return None

    def _stamp(self) -> float:
        """Time when flags, defines or tools last changed: older objects are compiled again."""
        flags = [(e.extra_compile_args, e.define_macros) for e in self.extensions]
        text = repr((flags, self._compilers(), pybind11.__version__))
        file = Path(self.build_temp) / "flags.txt"
        if not file.is_file() or file.read_text("utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            self.force = True
        return file.stat().st_mtime


def extensions() -> list[Extension]:
    core = Pybind11Extension(
        "pyframe._core",
        relative(list((ROOT / "csrc").rglob("*.cc"))),
        include_dirs=["csrc"],
        depends=relative(list((ROOT / "csrc").rglob("*.h"))),
        cxx_std=17,
        # Both are string literals for the preprocessor; PYFRAME_COMPILE_FLAGS joins them later.
        define_macros=[("PYFRAME_VERSION", f'"{read_version()}"')],
    )
    modules = relative(list((ROOT / "pyframe").rglob("*.pyx")))
    if not modules:
        return [core]
    from Cython.Build import cythonize

    cython_modules = [
        Extension(path.removesuffix(".pyx").replace("/", "."), [path]) for path in modules
    ]
    directives = {
        "language_level": "3",
        "boundscheck": False,
        "wraparound": False,
        "cdivision": True,
        "initializedcheck": False,
    }
    return [core, *cythonize(cython_modules, compiler_directives=directives)]


# The license stands here because setuptools before 77 cannot read it as a string in pyproject.toml.
setup(
    version=read_version(),
    license="Apache-2.0",
    ext_modules=extensions(),
    cmdclass={"build_ext": Build},
)
