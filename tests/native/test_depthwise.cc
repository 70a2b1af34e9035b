// Depthwise convolution and the gradient of its kernel.
#include <vector>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

struct Geometry {
  int h, w, kh, kw, sh, sw, dh, dw, top, left, oh, ow;
};

constexpr Geometry kGeometries[] = {
    {7, 20, 3, 3, 1, 1, 1, 1, -1, -1, 7, 20}, {6, 9, 3, 3, 2, 2, 1, 1, 0, 0, 3, 5},
    {9, 19, 5, 5, 1, 1, 1, 1, -2, -2, 9, 19}, {9, 18, 5, 5, 2, 2, 1, 1, -1, -2, 5, 9},
    {8, 17, 7, 7, 1, 1, 1, 1, -3, -3, 8, 17}, {8, 21, 7, 7, 2, 2, 1, 1, -3, -3, 4, 11},
    {5, 6, 1, 1, 1, 1, 1, 1, 0, 0, 5, 6},     {5, 9, 2, 2, 1, 1, 1, 1, 0, 0, 4, 8},
    {6, 11, 4, 4, 1, 1, 1, 1, -1, -1, 6, 11}, {9, 14, 3, 3, 1, 1, 2, 3, -2, -3, 9, 14},
    {8, 10, 2, 6, 3, 3, 1, 1, 0, -2, 3, 4},   {2, 2, 5, 7, 1, 1, 1, 1, -2, -3, 2, 2},
    {4, 8, 0, 2, 1, 1, 1, 1, 0, 0, 4, 8},     {4, 8, 2, 0, 1, 1, 1, 1, 0, 0, 4, 8},
};

// Calls f(output, input, tap) for every tap inside the image, channel 0.
template <typename F>
void for_each_tap(const DepthwisePass& s, const F& f) {
  for (int64_t q = 0; q < s.out_h; ++q)
    for (int64_t p = 0; p < s.out_w; ++p)
      for (int64_t t = 0; t < s.kh * s.kw; ++t) {
        const int64_t h = q * s.sh + s.top + t / s.kw * s.dh;
        const int64_t w = p * s.sw + s.left + t % s.kw * s.dw;
        if (h < 0 || w < 0 || h >= s.in_h || w >= s.in_w) continue;
        f(q * s.out_row + p * s.out_pixel, (h * s.in_w + w) * s.c, t * s.c);
      }
}

template <typename T>
void test_forward(const KernelTable<T>& kernels, const DepthwisePass& s, const Buffer<T>& x,
                  const Buffer<T>& k, const Buffer<T>& bias, Random& random) {
  const int64_t size = s.out_h * s.out_row;
  Buffer<T> y(size), clamped(size), twice(size);
  y.uniform(random);
  std::vector<T> before(y.data(), y.data() + size);
  std::vector<Wide<T>> want(static_cast<size_t>(size), 0);
  for_each_tap(s, [&](int64_t out, int64_t in, int64_t tap) {
    for (int64_t c = 0; c < s.c; ++c)
      want[static_cast<size_t>(out + c)] += Wide<T>(x[in + c]) * k[tap + c];
  });
  const Wide<T> terms = static_cast<Wide<T>>(s.kh * s.kw + 1);
  kernels.depthwise(s, x.data(), k.data(), nullptr, y.data(), 0, s.out_h, -kInf<T>, kInf<T>);
  kernels.depthwise(s, x.data(), k.data(), nullptr, twice.data(), 0, s.out_h / 2, -kInf<T>,
                    kInf<T>);
  kernels.depthwise(s, x.data(), k.data(), nullptr, twice.data(), s.out_h / 2, s.out_h, -kInf<T>,
                    kInf<T>);
  kernels.depthwise(s, x.data(), k.data(), bias.data(), clamped.data(), 0, s.out_h, T(-0.5),
                    T(0.75));
  for (int64_t q = 0; q < s.out_h; ++q)
    for (int64_t i = 0; i < s.out_row; ++i) {
      const int64_t at = q * s.out_row + i;
      const size_t a = static_cast<size_t>(at);
      if (i / s.out_pixel >= s.out_w || i % s.out_pixel >= s.c) {
        expect_equal("untouched", at, y[at], before[a]);
        continue;
      }
      expect_near("depthwise", at, y[at], want[a], terms, 4);
      expect_equal("in two parts", at, twice[at], y[at]);
      Wide<T> bounded = want[a] + bias[i % s.out_pixel];
      bounded = bounded < -0.5 ? Wide<T>(-0.5) : bounded > 0.75 ? Wide<T>(0.75) : bounded;
      expect_near("bias and bounds", at, clamped[at], bounded, terms, 4);
    }
}

template <typename T>
void test_grad_kernel(const KernelTable<T>& kernels, const DepthwisePass& s, const Buffer<T>& x,
                      const Buffer<T>& dy) {
  const int64_t size = s.kh * s.kw * s.c;
  Buffer<T> dk(size), sum(size);
  std::vector<Wide<T>> want(static_cast<size_t>(size), 0);
  for_each_tap(s, [&](int64_t out, int64_t in, int64_t tap) {
    for (int64_t c = 0; c < s.c; ++c)
      want[static_cast<size_t>(tap + c)] += Wide<T>(x[in + c]) * dy[out + c];
  });
  kernels.depthwise_grad_kernel(s, x.data(), dy.data(), dk.data(), 0, s.out_h, false);
  kernels.depthwise_grad_kernel(s, x.data(), dy.data(), sum.data(), 0, s.out_h, false);
  kernels.depthwise_grad_kernel(s, x.data(), dy.data(), sum.data(), 0, s.out_h, true);
  const Wide<T> terms = static_cast<Wide<T>>(s.out_h * s.out_w);
  for (int64_t i = 0; i < size; ++i) {
    expect_near("kernel gradient", i, dk[i], want[static_cast<size_t>(i)], terms, 4);
    expect_near("accumulated", i, sum[i], 2 * want[static_cast<size_t>(i)], 2 * terms, 4);
  }
}

}  // namespace

template <typename T>
void test_depthwise(const KernelTable<T>& kernels) {
  Random random(11);
  for (const Geometry& g : kGeometries)
    for (int c : {1, 3, 8, 15, 16, 17, 33, 64, 70})
      for (int spread : {1, 2}) {
        const int64_t pixel = int64_t{c} * spread;
        const DepthwisePass s{g.h,  g.w,  c,    g.oh, g.ow, pixel * g.ow, pixel, g.kh,
                              g.kw, g.sh, g.sw, g.dh, g.dw, g.top,        g.left};
        set_case("depthwise %s %dx%d kernel %dx%d stride %d,%d dilation %d,%d channels %d",
                 kTypeName<T>, g.h, g.w, g.kh, g.kw, g.sh, g.sw, g.dh, g.dw, c);
        constexpr int64_t kOver = 64 / sizeof(T);
        Buffer<T> x(int64_t{g.h} * g.w * c, kOver), k(int64_t{g.kh} * g.kw * c, kOver);
        Buffer<T> bias(c, kOver), dy(s.out_h * s.out_row, kOver);
        x.uniform(random);
        k.uniform(random);
        bias.uniform(random);
        dy.uniform(random);
        test_forward(kernels, s, x, k, bias, random);
        test_grad_kernel(kernels, s, x, dy);
      }
}

PF_INSTANTIATE_TEST(test_depthwise)

}  // namespace pyframe::test
