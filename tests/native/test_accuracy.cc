// Largest errors of the elementwise functions over float32's numbers, as docs/engine.md gives them.
#include <type_traits>
#include <vector>

#include "check.h"
#include "tests.h"
#include "unary_reference.h"

namespace pyframe::test {
namespace {

constexpr int64_t kBlock = 4096;

struct Worst {
  double ulps = 0;
  double argument = 0;
};

float from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// Below, the value is a product with a factor that is denormal or has lost its bits.
double lowest(int op) {
  switch (static_cast<Unary>(op)) {
    case Unary::k_silu:
      return -80;
    case Unary::k_gelu:
    case Unary::k_gelu_tanh:
      return -12;
    default:
      return -kInf<double>;
  }
}

// Over every `stride`-th float; arguments and values that are not normal numbers do not count.
Worst largest_error(const KernelTable<float>& kernels, int op, uint64_t stride) {
  const UnaryCase<double>& reference = unary_cases<double>()[op];
  const float attrs[2] = {static_cast<float>(kAttrs[0]), static_cast<float>(kAttrs[1])};
  const double low = reference.low > 0 ? 0 : lowest(op);
  Worst worst;
  std::vector<float> x(kBlock), y(kBlock);
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32);) {
    int64_t n = 0;
    for (; n < kBlock && bits < (uint64_t{1} << 32); bits += stride) {
      const float value = from_bits(static_cast<uint32_t>(bits));
      if (std::isnormal(value) && value >= low) x[n++] = value;
    }
    kernels.unary[op](x.data(), y.data(), n, attrs);
    for (int64_t i = 0; i < n; ++i) {
      const double want = reference.value(x[i]);
      if (want != 0 && std::fabs(want) < kSmallest<float>) continue;  // flushed to zero
      const double least_unit = std::fabs(want) * 0x1p-24;  // the exact one is slow to find
      if (std::fabs(y[i] - want) <= worst.ulps * least_unit) continue;
      const double error = ulps(y[i], want);
      if (error > worst.ulps) worst = {error, x[i]};
    }
  }
  return worst;
}

#define PF_UNARY_NAME(name, operand) #name,
constexpr const char* kNames[] = {PF_UNARY_LIST(PF_UNARY_NAME)};
#undef PF_UNARY_NAME

}  // namespace

template <typename T>
void test_accuracy(const KernelTable<T>& kernels) {
  if constexpr (std::is_same_v<T, float>) {
    for (int op = 0; op < static_cast<int>(Unary::kCount); ++op) {
      const Worst worst = largest_error(kernels, op, 4099);
      set_case("accuracy of %s: %.3f ulp at %.9g", kNames[op], worst.ulps, worst.argument);
      expect(worst.ulps <= unary_cases<double>()[op].ulps, "more than published");
    }
  }
}

PF_INSTANTIATE_TEST(test_accuracy)

void print_accuracy(const IsaLevel& level, const char* name, uint64_t stride) {
  for (int op = 0; op < static_cast<int>(Unary::kCount); ++op) {
    if (name != nullptr && std::strcmp(name, kNames[op]) != 0) continue;
    const Worst worst = largest_error(*level.f32, op, stride);
    std::printf("%s %s: %.3f ulp at %.9g\n", level.name, kNames[op], worst.ulps, worst.argument);
    std::fflush(stdout);
  }
}

}  // namespace pyframe::test
