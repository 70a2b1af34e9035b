#include "common/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "common/check.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pyframe {
namespace {

std::atomic<int> g_threads{0};  // 0: not decided yet
std::atomic<bool> g_forked{false};
// Registered when the library is loaded: other users of OpenMP may start threads before us.
[[maybe_unused]] const int g_registered =
    pthread_atfork(nullptr, nullptr, [] { g_forked.store(true); });

int environment_threads(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::max(0, std::atoi(text));
}

int affinity_threads() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

// CPUs that the container's quota allows (cgroup v2, then v1); 0 when there is none.
int quota_threads() {
  double quota = 0, period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (std::fscanf(file, "%lf %lf", &quota, &period) != 2) quota = 0;
    std::fclose(file);
  } else if (std::FILE* v1 = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r")) {
    if (std::fscanf(v1, "%lf", &quota) != 1) quota = 0;
    std::fclose(v1);
    if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r")) {
      if (std::fscanf(file, "%lf", &period) != 1) period = 0;
      std::fclose(file);
    }
  }
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(std::floor(quota / period))) : 0;
}

int default_threads() {
  int threads = affinity_threads();
  for (int limit : {quota_threads(), environment_threads("OMP_NUM_THREADS"),
                    environment_threads("PYFRAME_NUM_THREADS")})
    if (limit > 0) threads = std::min(threads, limit);
  return threads;
}

// Denormals are an order of magnitude slower than normal numbers; the host program's mode is
// put back because other libraries in the process may rely on it.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
    __asm__ volatile("msr fpcr, %0" ::"r"(saved_ | (uint64_t{1} << 24)));
  }
  ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" ::"r"(saved_)); }

 private:
  uint64_t saved_;
#else
  FlushDenormals() {}
#endif
};

inline void spin_pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void run_guarded(ParallelBody body, void* context, int thread, int threads) {
  FlushDenormals guard;
  body(context, thread, threads);
}

}  // namespace

int num_threads() {
  int threads = g_threads.load(std::memory_order_relaxed);
  if (threads == 0) {
    threads = default_threads();
    g_threads.store(threads, std::memory_order_relaxed);
  }
  return threads;
}

void set_num_threads(int threads) {
  check(threads >= 1 && threads <= 1024, "threads must be between 1 and 1024. Received: ", threads);
  g_threads.store(threads, std::memory_order_relaxed);
}

bool openmp_available() {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

void parallel_run(int threads, ParallelBody body, void* context) {
#ifdef _OPENMP
  const auto region = [=] {
#pragma omp parallel num_threads(threads)
    run_guarded(body, context, omp_get_thread_num(), omp_get_num_threads());
  };
  if (threads > 1) {
    // The child of a fork inherits the calling thread's OpenMP pool without its threads, and would
    // wait for them for ever, whoever started them; a new thread gets a new pool.
    if (g_forked.load(std::memory_order_relaxed))
      std::thread(region).join();
    else
      region();
    return;
  }
#endif
  run_guarded(body, context, 0, 1);
}

void wait_pause(int spins) {
  constexpr int kSpins = 4000;  // about 50 us, longer than any balanced wait
  if (spins < kSpins)
    spin_pause();
  else
    sched_yield();
}

}  // namespace pyframe
