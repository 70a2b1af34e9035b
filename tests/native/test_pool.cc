// Maximum and average pooling.
#include <initializer_list>
#include <vector>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

struct Geometry {
  int h, w, kh, kw, sh, sw, pt, pl, oh, ow;
};

constexpr Geometry kGeometries[] = {
    {8, 8, 2, 2, 2, 2, 0, 0, 4, 4},   {9, 7, 2, 2, 2, 2, 0, 0, 4, 3},
    {9, 7, 2, 2, 2, 2, 0, 0, 5, 4},   {9, 7, 3, 3, 2, 2, 1, 1, 5, 4},
    {7, 9, 3, 2, 1, 1, 1, 0, 7, 9},   {5, 5, 5, 5, 1, 1, 0, 0, 1, 1},
    {10, 11, 2, 2, 3, 3, 0, 0, 3, 4}, {6, 6, 3, 3, 3, 3, 1, 1, 3, 3},
    {6, 7, 2, 3, 2, 3, 1, 2, 4, 3},   {4, 4, 1, 1, 2, 2, 0, 0, 2, 2},
    {5, 6, 2, 3, 2, 2, 0, 0, 2, 3},   {4, 12, 2, 2, 2, 2, 0, 0, 2, 6},
    {7, 33, 2, 2, 2, 2, 0, 0, 3, 16}, {8, 70, 2, 2, 2, 2, 0, 0, 4, 35},
    {7, 8, 5, 6, 1, 1, 2, 2, 7, 8},   {4, 4, 4, 4, 4, 4, 0, 0, 1, 1},
    {8, 8, 2, 2, 2, 2, 1, 1, 5, 5},
};

enum class Content { kTies, kMinusInfinity, kNanAndInfinity };

// Calls f(output, input, place in the window) for every cell of every window, window by window.
template <typename F>
void for_each_cell(const PoolShape& s, const F& f) {
  for (int64_t row = 0; row < s.n * s.oh * s.ow; ++row) {
    const int64_t image = row / (s.oh * s.ow), oh = row / s.ow % s.oh, ow = row % s.ow;
    for (int64_t channel = 0; channel < s.c; ++channel) {
      for (int64_t place = 0; place < s.kh * s.kw; ++place) {
        const int64_t h = oh * s.sh - s.pt + place / s.kw, w = ow * s.sw - s.pl + place % s.kw;
        if (h < 0 || w < 0 || h >= s.h || w >= s.w) continue;
        f(row * s.c + channel, ((image * s.h + h) * s.w + w) * s.c + channel, place);
      }
    }
  }
}

template <typename T>
void fill_image(Buffer<T>& x, Random& random, Content content) {
  x.integers(random, -4, 5);
  if (content == Content::kMinusInfinity) x.fill(-kInf<T>);
  if (content == Content::kNanAndInfinity) {
    for (int i = 0; i < 5; ++i) {
      x[random.integer(0, x.size())] = kNan<T>;
      x[random.integer(0, x.size())] = kInf<T>;
    }
  }
}

template <typename T>
void test_max_pool(const KernelTable<T>& kernels, const PoolShape& s, const Buffer<T>& x,
                   const Buffer<T>& dy) {
  const size_t outputs = static_cast<size_t>(dy.size());
  Buffer<T> y(dy.size()), without_index(dy.size()), dx(x.size());
  Buffer<uint8_t> index(dy.size());
  kernels.max_pool(s, x.data(), y.data(), index.data());
  kernels.max_pool(s, x.data(), without_index.data(), nullptr);
  kernels.max_pool_grad(s, dy.data(), index.data(), dx.data());
  expect_same_bits("max without index", without_index.data(), y.data(), y.size());

  std::vector<int64_t> place(outputs, -1), source(outputs, 0);
  for_each_cell(s, [&](int64_t out, int64_t in, int64_t at) {
    const size_t o = static_cast<size_t>(out);
    const T best = x[source[o]];  // a NaN counts as largest
    if (place[o] < 0 || (!std::isnan(best) && (std::isnan(x[in]) || x[in] > best))) {
      place[o] = at;
      source[o] = in;
    }
  });
  std::vector<Wide<T>> want(static_cast<size_t>(x.size()), 0);
  for (int64_t i = 0; i < y.size(); ++i) {
    const size_t o = static_cast<size_t>(i);
    expect_equal("index", i, static_cast<int64_t>(index[i]), place[o]);
    expect_equal("max", i, y[i], x[source[o]]);
    want[static_cast<size_t>(source[o])] += dy[i];
  }
  const Wide<T> cells = static_cast<Wide<T>>(s.kh * s.kw);
  for (int64_t i = 0; i < x.size(); ++i) {
    expect_near("max gradient", i, dx[i], want[static_cast<size_t>(i)], cells, 1);
  }
}

template <typename T>
void test_average_pool(const KernelTable<T>& kernels, const PoolShape& s, const Buffer<T>& x,
                       const Buffer<T>& dy, bool finite) {
  Buffer<T> y(dy.size()), dx(x.size());
  kernels.average_pool(s, x.data(), y.data());
  kernels.average_pool_grad(s, dy.data(), dx.data());

  std::vector<int> cells(static_cast<size_t>(dy.size()), 0);
  std::vector<double> sum(cells.size(), 0);  // of small integers: exact
  for_each_cell(s, [&](int64_t out, int64_t in, int64_t) {
    ++cells[static_cast<size_t>(out)];
    sum[static_cast<size_t>(out)] += static_cast<double>(x[in]);
  });
  std::vector<Wide<T>> want(static_cast<size_t>(x.size()), 0);
  std::vector<Wide<T>> share(cells.size());
  for (size_t i = 0; i < share.size(); ++i) {
    share[i] = dy[static_cast<int64_t>(i)] / static_cast<Wide<T>>(cells[i]);
  }
  for_each_cell(s, [&](int64_t out, int64_t in, int64_t) {
    want[static_cast<size_t>(in)] += share[static_cast<size_t>(out)];
  });
  for (int64_t i = 0; finite && i < y.size(); ++i) {
    const Wide<T> mean = static_cast<Wide<T>>(sum[static_cast<size_t>(i)]) /
                         static_cast<Wide<T>>(cells[static_cast<size_t>(i)]);
    expect_near("average", i, y[i], mean, Wide<T>(4), 2);
  }
  for (int64_t i = 0; i < x.size(); ++i) {
    expect_near("average gradient", i, dx[i], want[static_cast<size_t>(i)], Wide<T>(9), 2);
  }
}

// Pixels that lie apart: the same bits, and nothing written between the pixels.
template <typename T>
void test_apart(const KernelTable<T>& kernels, const PoolShape& s, const Buffer<T>& x,
                const Buffer<T>& dy) {
  PoolShape wide = s;
  wide.x_pixel = s.c + 3;
  wide.y_pixel = s.c + 6;
  const auto spread = [&](const Buffer<T>& from, int64_t pixel) {
    Buffer<T> to(from.size() / s.c * pixel);
    for (int64_t i = 0; i < to.size(); ++i)
      to[i] = i % pixel < s.c ? from[i / pixel * s.c + i % pixel] : T(7);
    return to;
  };
  const Buffer<T> wx = spread(x, wide.x_pixel), wdy = spread(dy, wide.y_pixel);
  Buffer<T> y(dy.size()), dx(x.size()), wide_dx(x.size());
  Buffer<uint8_t> index(dy.size()), wide_index(dy.size());
  for (const bool max : {false, true}) {
    Buffer<T> wy = spread(dy, wide.y_pixel);
    if (max) {
      kernels.max_pool(s, x.data(), y.data(), index.data());
      kernels.max_pool(wide, wx.data(), wy.data(), wide_index.data());
      expect_same_bits("index apart", wide_index.data(), index.data(), index.size());
      kernels.max_pool_grad(s, dy.data(), index.data(), dx.data());
      kernels.max_pool_grad(wide, wdy.data(), index.data(), wide_dx.data());
    } else {
      kernels.average_pool(s, x.data(), y.data());
      kernels.average_pool(wide, wx.data(), wy.data());
      kernels.average_pool_grad(s, dy.data(), dx.data());
      kernels.average_pool_grad(wide, wdy.data(), wide_dx.data());
    }
    expect_same_bits("apart", wy.data(), spread(y, wide.y_pixel).data(), wy.size());
    expect_same_bits("gradient apart", wide_dx.data(), dx.data(), dx.size());
  }
}

}  // namespace

template <typename T>
void test_pool(const KernelTable<T>& kernels) {
  Random random(7);
  for (const Geometry& g : kGeometries) {
    for (int c : {1, 2, 3, 4, 6, 8, 9, 15, 16, 17, 32, 33, 64, 100}) {
      const int n = c < 10 ? 2 : 1;
      const PoolShape s{n, g.h, g.w, c, g.oh, g.ow, g.kh, g.kw, g.sh, g.sw, g.pt, g.pl, c, c};
      Buffer<T> x(int64_t{n} * g.h * g.w * c), dy(int64_t{n} * g.oh * g.ow * c);
      for (Content content : {Content::kTies, Content::kMinusInfinity, Content::kNanAndInfinity}) {
        set_case("pool %s %dx%d window %dx%d stride %dx%d padding %d,%d channels %d content %d",
                 kTypeName<T>, g.h, g.w, g.kh, g.kw, g.sh, g.sw, g.pt, g.pl, c,
                 static_cast<int>(content));
        fill_image(x, random, content);
        dy.uniform(random);
        test_max_pool(kernels, s, x, dy);
        test_apart(kernels, s, x, dy);
        if (content == Content::kMinusInfinity) continue;
        test_average_pool(kernels, s, x, dy, content == Content::kTies);
      }
    }
  }
}

PF_INSTANTIATE_TEST(test_pool)

}  // namespace pyframe::test
