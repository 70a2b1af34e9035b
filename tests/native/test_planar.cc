// Movement between pixels of few channels and planes.
#include <algorithm>
#include <initializer_list>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

template <typename T>
void test_interleave(const KernelTable<T>& kernels, Random& random, int64_t rows, int64_t columns,
                     int64_t gap, int64_t channels, bool bias, bool relu) {
  set_case("interleave %s %dx%dx%d gap %d%s%s", kTypeName<T>, static_cast<int>(rows),
           static_cast<int>(columns), static_cast<int>(channels), static_cast<int>(gap),
           bias ? " bias" : "", relu ? " relu" : "");
  const int64_t pitch = columns + gap, plane = rows * pitch + gap;
  Buffer<T> x(channels * plane, kernels.lanes), shift(channels), y(rows * columns * channels);
  x.uniform(random);
  x[0] = kNan<T>;
  shift.uniform(random);
  kernels.interleave({x.data(), plane, pitch, rows, columns}, channels,
                     bias ? shift.data() : nullptr, relu, y.data());
  for (int64_t i = 0; i < y.size(); ++i) {
    const int64_t c = i % channels, p = i / channels % columns, r = i / channels / columns;
    T want = x[c * plane + r * pitch + p];
    if (bias) want += shift[c];
    if (relu && want < 0) want = 0;
    expect_equal("element", i, y[i], want);
  }
}

template <typename T>
void test_deinterleave(const KernelTable<T>& kernels, Random& random, int64_t pixels,
                       int64_t channels, int64_t more) {
  set_case("deinterleave %s %dx%d of %d", kTypeName<T>, static_cast<int>(pixels),
           static_cast<int>(channels), static_cast<int>(pixels + more));
  const int64_t ld = pixels + 3;
  Buffer<T> x((pixels + more) * channels, kernels.lanes), y((channels - 1) * ld + pixels);
  x.uniform(random);
  const Buffer<T> before(y);
  kernels.deinterleave(x.data(), pixels + more, pixels, channels, y.data(), ld);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t p = 0; p < pixels; ++p) {
      expect_equal("element", c * ld + p, y[c * ld + p], x[p * channels + c]);
    }
    if (c + 1 < channels) {
      const int64_t end = c * ld + pixels;
      expect_same_bits("gap after a plane", &y[end], &before[end], ld - pixels);
    }
  }
}

}  // namespace

template <typename T>
void test_planar(const KernelTable<T>& kernels) {
  Random random(11);
  for (int columns : kSizes) {
    for (int channels = 1; channels <= kPlanarChannels; ++channels) {
      const int64_t rows = 1 + (columns + channels) % 4, gap = (columns * channels) % 5;
      test_interleave(kernels, random, rows, columns, gap, channels, channels % 2 == 0,
                      columns % 3 == 0);
      test_interleave(kernels, random, rows, columns, gap, channels, true, true);
    }
    for (int channels : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17, 32}) {
      for (int more : {0, 1, 40}) test_deinterleave(kernels, random, columns, channels, more);
    }
  }
}

PF_INSTANTIATE_TEST(test_planar)

}  // namespace pyframe::test
