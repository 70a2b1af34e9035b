// Threads. Nothing else in the engine knows OpenMP.
#pragma once

namespace pyframe {

// Threads that the next plan may use. The default is the smallest of the affinity mask, the
// cgroup quota and OMP_NUM_THREADS / PYFRAME_NUM_THREADS; no thread exists before the first
// parallel run.
int num_threads();
void set_num_threads(int threads);  // throws Error unless 1 <= threads <= 1024
bool openmp_available();

// Calls body(context, thread, threads) on every thread of one parallel region and waits.
// Runs with denormals flushed to zero on every thread; the caller's floating-point mode is
// restored. One thread runs body on the calling thread without a region.
using ParallelBody = void (*)(void* context, int thread, int threads);
void parallel_run(int threads, ParallelBody body, void* context);

// Waits for what another thread is doing: spins briefly, then yields, so that a core taken by
// another program costs its time slice and no more.
void wait_pause(int spins);

template <typename Condition>
void wait_until(Condition condition) {
  for (int spins = 0; !condition(); ++spins) wait_pause(spins);
}

}  // namespace pyframe
