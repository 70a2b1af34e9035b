// The tests of the kernels of one instruction-set level.
#pragma once

#include "isa/kernel_table.h"

namespace pyframe::test {

#define PF_TESTS(X) \
  X(test_unary)     \
  X(test_accuracy)  \
  X(test_binary)    \
  X(test_reduce)    \
  X(test_softmax)   \
  X(test_losses)    \
  X(test_gemm)      \
  X(test_winograd)  \
  X(test_pool)      \
  X(test_planar)    \
  X(test_random)    \
  X(test_resample)  \
  X(test_norm)      \
  X(test_depthwise) \
  X(test_optimizers)

#define PF_DECLARE_TEST(name) \
  template <typename T>       \
  void name(const KernelTable<T>& kernels);
PF_TESTS(PF_DECLARE_TEST)
#undef PF_DECLARE_TEST

void test_team_size();

// Prints the largest errors of elementwise functions (one, or all if null) over every `stride`-th
// float.
void print_accuracy(const IsaLevel& level, const char* function, uint64_t stride);

// Defines test `name` for both types, at the end of its file.
#define PF_INSTANTIATE_TEST(name)                \
  template void name(const KernelTable<float>&); \
  template void name(const KernelTable<double>&);

}  // namespace pyframe::test
