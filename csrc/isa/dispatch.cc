// Which instruction-set levels this build and this machine have, and which one is in use.
#include <atomic>
#include <cstring>

#include "isa/kernel_table.h"

namespace pyframe {

#define PF_DECLARE_LEVEL(name)                \
  namespace name {                            \
  extern const KernelTable<float> table_f32;  \
  extern const KernelTable<double> table_f64; \
  }

#if defined(__aarch64__)
PF_DECLARE_LEVEL(neon)
#else
PF_DECLARE_LEVEL(baseline)
#endif
#if defined(__x86_64__)
PF_DECLARE_LEVEL(avx2)
PF_DECLARE_LEVEL(avx512)
#endif

namespace {

bool always() { return true; }

#if defined(__aarch64__)
constexpr IsaLevel kNeon{"neon", always, &neon::table_f32, &neon::table_f64};
constexpr const IsaLevel* kLevels[] = {&kNeon};
#elif defined(__x86_64__)
// libgcc's and compiler-rt's detection includes the operating system's part (XGETBV).
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

constexpr IsaLevel kBaseline{"baseline", always, &baseline::table_f32, &baseline::table_f64};
constexpr IsaLevel kAvx2{"avx2", has_avx2, &avx2::table_f32, &avx2::table_f64};
constexpr IsaLevel kAvx512{"avx512", has_avx512, &avx512::table_f32, &avx512::table_f64};
constexpr const IsaLevel* kLevels[] = {&kBaseline, &kAvx2, &kAvx512};
#else
constexpr IsaLevel kBaseline{"baseline", always, &baseline::table_f32, &baseline::table_f64};
constexpr const IsaLevel* kLevels[] = {&kBaseline};
#endif

constexpr int kLevelCount = sizeof(kLevels) / sizeof(kLevels[0]);

// Null until first used, so that it does not matter which initialiser of the program runs first.
std::atomic<const IsaLevel*> active{nullptr};

const IsaLevel* best_level() {
  const IsaLevel* best = kLevels[0];
  for (const IsaLevel* level : kLevels) {
    if (level->supported()) best = level;
  }
  return best;
}

}  // namespace

const IsaLevel* const* isa_levels(int* count) {
  *count = kLevelCount;
  return kLevels;
}

const IsaLevel& active_isa() {
  const IsaLevel* level = active.load(std::memory_order_relaxed);
  if (level == nullptr) {
    const IsaLevel* best = best_level();
    // A level set by another thread meanwhile stays.
    if (active.compare_exchange_strong(level, best, std::memory_order_relaxed)) level = best;
  }
  return *level;
}

bool set_active_isa(const char* name) {
  for (const IsaLevel* level : kLevels) {
    if (std::strcmp(level->name, name) == 0) {
      if (!level->supported()) return false;
      active.store(level, std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

}  // namespace pyframe
