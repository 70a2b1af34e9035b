// Random numbers are the published function of key and index, and look random: dropout, uniform.
#include <initializer_list>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

uint32_t hash_word(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

uint32_t hash32(uint64_t key, uint64_t i) {
  const uint32_t high = hash_word(static_cast<uint32_t>(i >> 32));
  const uint32_t first = static_cast<uint32_t>(key) ^ high;
  const uint32_t second = static_cast<uint32_t>(key >> 32) + high;
  return hash_word(hash_word(static_cast<uint32_t>(i) ^ first) ^ second);
}

template <typename T>
void test_mask(const KernelTable<T>& kernels, Random& random, int n, uint64_t offset,
               uint32_t threshold) {
  set_case("dropout %s n %d offset %#llx threshold %#x", kTypeName<T>, n,
           static_cast<unsigned long long>(offset), threshold);
  const uint64_t key = random.next();
  const T scale = T(1.6);
  Buffer<T> x(n), y(n);
  x.uniform(random, 1, 2);
  kernels.dropout(x.data(), y.data(), n, threshold, scale, key, offset);
  for (int i = 0; i < n; ++i) {
    const bool dropped = hash32(key, offset + static_cast<uint64_t>(i)) < threshold;
    expect_equal("element", i, y[i], dropped ? T(0) : x[i] * scale);
  }
  kernels.dropout(x.data(), x.data(), n, threshold, scale, key, offset);
  expect_same_bits("in place", x.data(), y.data(), n);
}

// Half of many elements are kept and neighbours are independent: both statistics stay within 6
// standard deviations (0.5 / sqrt n and 0.25 / sqrt n).
template <typename T>
void test_statistics(const KernelTable<T>& kernels, uint64_t key) {
  constexpr int64_t kCount = int64_t{1} << 18;
  const double root = std::sqrt(static_cast<double>(kCount));
  set_case("dropout %s key %d", kTypeName<T>, static_cast<int>(key));
  Buffer<T> x(kCount), y(kCount);
  x.fill(1);
  kernels.dropout(x.data(), y.data(), kCount, 0x80000000u, T(1), key, 0);
  double sum = 0, product = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    const double here = static_cast<double>(y[i]) - 0.5;
    sum += here;
    if (i + 1 < kCount) product += here * (static_cast<double>(y[i + 1]) - 0.5);
  }
  expect(std::fabs(sum) / kCount < 6 * 0.5 / root, "share of kept elements");
  expect(std::fabs(product) / kCount < 6 * 0.25 / root, "correlation of neighbours");
}

// The same numbers for both types and wherever a piece begins: the upper 24 bits of the hashes.
template <typename T>
void test_uniform(const KernelTable<T>& kernels, Random& random, int n, uint64_t offset) {
  set_case("random_uniform %s n %d offset %#llx", kTypeName<T>, n,
           static_cast<unsigned long long>(offset));
  const uint64_t key = random.next();
  Buffer<T> y(n);
  kernels.random_uniform(y.data(), n, key, offset);
  for (int i = 0; i < n; ++i) {
    const uint32_t bits = hash32(key, offset + static_cast<uint64_t>(i)) >> 8;
    expect_equal("element", i, y[i], std::ldexp(static_cast<T>(bits), -24));
  }
}

// Mean and variance stay within 6 standard deviations of a uniform sample's.
template <typename T>
void test_uniform_statistics(const KernelTable<T>& kernels, uint64_t key) {
  constexpr int64_t kCount = int64_t{1} << 18;
  const double root = std::sqrt(static_cast<double>(kCount));
  set_case("random_uniform %s key %d", kTypeName<T>, static_cast<int>(key));
  Buffer<T> y(kCount);
  kernels.random_uniform(y.data(), kCount, key, 0);
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    const double centred = static_cast<double>(y[i]) - 0.5;
    sum += centred;
    squares += centred * centred;
  }
  expect(std::fabs(sum) / kCount < 6 * std::sqrt(1.0 / 12) / root, "mean");
  expect(std::fabs(squares / kCount - 1.0 / 12) < 6 * std::sqrt(1.0 / 180) / root, "variance");
}

}  // namespace

template <typename T>
void test_random(const KernelTable<T>& kernels) {
  Random random(8);
  constexpr uint64_t kWord = uint64_t{1} << 32;
  for (int n : kSizes) {
    for (uint64_t offset : {uint64_t{0}, uint64_t{5}, kWord - 9, 7 * kWord - 16}) {
      for (uint32_t threshold : {0u, 0x60000000u, 0xffffffffu}) {
        test_mask(kernels, random, n, offset, threshold);
      }
      test_uniform(kernels, random, n, offset);
    }
  }
  for (uint64_t key = 0; key < 4; ++key) {
    test_statistics(kernels, key);
    test_uniform_statistics(kernels, key);
  }
}

PF_INSTANTIATE_TEST(test_random)

}  // namespace pyframe::test
