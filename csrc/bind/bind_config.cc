#include <chrono>
#include <cstdlib>
#include <vector>

#include "bind/bind.h"
#include "common/check.h"
#include "common/parallel.h"
#include "isa/kernel_table.h"
#include "ops/conv_algorithm.h"

#ifndef PYFRAME_COMPILE_FLAGS
#define PYFRAME_COMPILE_FLAGS "unknown"
#endif

namespace py = pybind11;

namespace pyframe {
namespace {

std::vector<std::string> supported_levels() {
  int count = 0;
  const IsaLevel* const* levels = isa_levels(&count);
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i)
    if (levels[i]->supported()) names.push_back(levels[i]->name);
  return names;
}

void select_isa(const std::string& name) {
  if (set_active_isa(name.c_str())) return;
  std::string known;
  for (const std::string& level : supported_levels()) known += (known.empty() ? "" : ", ") + level;
  throw Error(
      cat("ISA level '", name, "' is unknown or this CPU lacks it. Supported here: ", known));
}

const std::vector<std::string> kConvAlgorithms = {"auto", "direct", "winograd",
                                                  "winograd_2x2"};  // by ConvAlgorithm

void select_conv_algorithm(const std::string& name) {
  for (size_t i = 0; i < kConvAlgorithms.size(); ++i)
    if (kConvAlgorithms[i] == name) return set_conv_algorithm(static_cast<ConvAlgorithm>(i));
  throw Error(
      cat("the algorithm must be 'auto', 'direct', 'winograd' or 'winograd_2x2'. Received: '", name,
          "'"));
}

py::dict build_config() {
  py::dict config;
  config["version"] = py::module_::import("pyframe._core").attr("__version__");
#if defined(__clang__)
  config["compiler"] = cat("clang ", __clang_version__);
#else
  config["compiler"] = cat("gcc ", __VERSION__);
#endif
  config["flags"] = PYFRAME_COMPILE_FLAGS;
  config["openmp"] = openmp_available();
  std::vector<std::string> compiled;
  int count = 0;
  const IsaLevel* const* levels = isa_levels(&count);
  for (int i = 0; i < count; ++i) compiled.push_back(levels[i]->name);
  config["isa_compiled"] = compiled;
  config["isa_supported"] = supported_levels();
  config["isa"] = active_isa().name;
  config["threads"] = num_threads();
#ifdef NDEBUG
  config["assertions"] = false;
#else
  config["assertions"] = true;
#endif
  return config;
}

// One thread of the peak measurement: the gemm tile on operands that fit the L1 cache.
struct PeakRun {
  std::vector<double> flops_per_second;
};

double gemm_rate() {
  const KernelTable<float>& k = kernels<float>();
  constexpr int64_t kDepth = 64;
  const int64_t zero = 0;
  std::vector<float> a(static_cast<size_t>(k.mr * kDepth), 0.5F);
  std::vector<float> b(static_cast<size_t>(k.nr * kDepth) + 64, 0.25F);
  std::vector<float> c(static_cast<size_t>(k.mr * k.nr) + 64);
  const GemmArgs<float> args{k.mr,     k.nr,  1,        kDepth,        a.data(), kDepth,
                             1,        &zero, b.data(), kDepth * k.nr, k.nr,     &zero,
                             c.data(), k.nr,  false,    nullptr,       false};
  using Clock = std::chrono::steady_clock;
  double best = 0;
  for (int round = 0; round < 20; ++round) {
    constexpr int kCalls = 2000;
    const auto begin = Clock::now();
    for (int i = 0; i < kCalls; ++i) k.gemm(args);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::max(best, 2.0 * static_cast<double>(k.mr * k.nr * kDepth) * kCalls / seconds);
  }
  return best;
}

double measure_fma_peak(int threads) {
  check(threads >= 1 && threads <= 1024, "threads must be between 1 and 1024. Received: ", threads);
  PeakRun run;
  run.flops_per_second.assign(static_cast<size_t>(threads), 0.0);
  py::gil_scoped_release release;
  parallel_run(
      threads,
      [](void* context, int thread, int) {
        static_cast<PeakRun*>(context)->flops_per_second[static_cast<size_t>(thread)] = gemm_rate();
      },
      &run);
  double sum = 0;
  for (double rate : run.flops_per_second) sum += rate;
  return sum;
}

}  // namespace

void bind_config(py::module_& m) {
  if (const char* name = std::getenv("PYFRAME_ISA"); name != nullptr && *name != '\0') {
    try {
      select_isa(name);
    } catch (const Error& error) {
      throw py::import_error(cat("PYFRAME_ISA: ", error.what()));
    }
  }
  m.def("isa_levels", &supported_levels);
  m.def("get_isa", [] { return std::string(active_isa().name); });
  m.def("set_isa", &select_isa, py::arg("name"));
  m.def("set_num_threads", &set_num_threads, py::arg("threads"));
  m.def("get_num_threads", &num_threads);
  m.def("set_conv_algorithm", &select_conv_algorithm, py::arg("algorithm"));
  m.def("get_conv_algorithm",
        [] { return kConvAlgorithms[static_cast<size_t>(conv_algorithm())]; });
  m.def("build_config", &build_config);
  m.def("measure_fma_peak", &measure_fma_peak, py::arg("threads"));
}

}  // namespace pyframe
