// One axis of an image resize: weighted sums of slices.
#include <vector>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

template <typename T>
void test_one(const KernelTable<T>& kernels, Random& random, int inner, int inputs, int outputs,
              int most_terms) {
  set_case("resample %s inner %d, %d from %d slices, up to %d terms", kTypeName<T>, inner, outputs,
           inputs, most_terms);
  std::vector<int64_t> first{0}, index;
  std::vector<T> weight;
  for (int o = 0; o < outputs; ++o) {
    const int64_t terms = random.integer(0, most_terms + 1);
    for (int64_t t = 0; t < terms; ++t) {
      index.push_back(random.integer(0, inputs));
      weight.push_back(static_cast<T>(random.uniform(-1, 1)));
    }
    first.push_back(static_cast<int64_t>(index.size()));
  }
  Buffer<T> x(int64_t{inputs} * inner), y(int64_t{outputs} * inner);
  x.uniform(random);
  kernels.resample(x.data(), y.data(), outputs, inner, first.data(), index.data(), weight.data());
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t j = 0; j < inner; ++j) {
      Wide<T> want = 0, scale = 0;
      for (int64_t t = first[o]; t < first[o + 1]; ++t) {
        const Wide<T> term = Wide<T>(weight[t]) * x[index[t] * inner + j];
        want += term;
        scale += std::fabs(term);
      }
      expect_near("element", o * inner + j, y[o * inner + j], want, scale, most_terms + 1);
    }
  }
}

}  // namespace

template <typename T>
void test_resample(const KernelTable<T>& kernels) {
  Random random(12);
  for (int inner : kSizes) {
    test_one(kernels, random, inner, 1, 1, 1);
    test_one(kernels, random, inner, 5, 9, 2);
    test_one(kernels, random, inner, 9, 4, 7);
  }
  test_one(kernels, random, 3, 4, 0, 2);
}

PF_INSTANTIATE_TEST(test_resample)

}  // namespace pyframe::test
