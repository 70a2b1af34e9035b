// Threads. Nothing else in the engine knows OpenMP.
#pragma once

#include <atomic>
#include <cstdint>

namespace pyframe {

// Threads that the next plan may use. The default is the smallest of the affinity mask, the
// cgroup quota and OMP_NUM_THREADS / PYFRAME_NUM_THREADS; no thread exists before the first
// parallel run.
int num_threads();
void set_num_threads(int threads);  // throws Error unless 1 <= threads <= 1024
bool openmp_available();

// Calls body(context, thread, threads) on every thread of one parallel region and waits.
// Runs with denormals flushed to zero on every thread; the caller's floating-point mode is
// restored. One thread, or a child of a fork whose parent had started threads (its OpenMP
// pool is dead), runs body on the calling thread without a region.
using ParallelBody = void (*)(void* context, int thread, int threads);
void parallel_run(int threads, ParallelBody body, void* context);

// Sense-reversing barrier for the threads of one region: spins briefly, then yields, so that
// a core taken by another program costs its time slice and no more.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}
  // Every thread calls this before its first wait, with the size of the team as it came to be.
  void fit(int threads) { threads_.store(threads, std::memory_order_relaxed); }
  void wait();

 private:
  std::atomic<int> threads_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
};

}  // namespace pyframe
