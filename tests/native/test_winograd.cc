// Winograd's transforms: whatever their matrices, products of frequencies must be correlations.
#include <algorithm>
#include <vector>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// An image whose first cell is the first cell inside the box of a tile of `size` cells.
template <typename T>
struct Tile {
  TileBox box;
  int64_t channels, pixel, row, size;
  Buffer<T> cells;

  Tile(Random& random, const TileBox& b, int64_t n, int64_t size)
      : box(b),
        channels(n),
        pixel(n + 3),
        row((b.right - b.left) * pixel + 5),
        size(size),
        cells(std::max<int64_t>(
            1, (b.bottom - b.top - 1) * row + (b.right - b.left - 1) * pixel + n)) {
    cells.uniform(random);
  }
  Wide<T> at(int64_t i, int64_t j, int64_t c) const {
    if (i < box.top || i >= box.bottom || j < box.left || j >= box.right) return 0;
    return cells[(i - box.top) * row + (j - box.left) * pixel + c];
  }
};

// Sum of x(i + h, j + w) * y(h, w) over size x size cells.
template <typename T, typename X, typename Y>
Wide<T> correlate(int64_t size, int64_t i, int64_t j, const X& x, const Y& y) {
  Wide<T> sum = 0;
  for (int64_t h = 0; h < size; ++h)
    for (int64_t w = 0; w < size; ++w) sum += x(i + h, j + w) * y(h, w);
  return sum;
}

// The transforms amplify what they cancel: errors count relative to the largest sum possible.
constexpr double kRoundings = 40;

template <typename T>
void multiply(const Buffer<T>& a, const Buffer<T>& b, Buffer<T>& out, int64_t frequencies,
              int64_t pitch, int64_t n) {
  for (int64_t f = 0; f < frequencies; ++f)
    for (int64_t c = 0; c < n; ++c) out[f * pitch + c] = a[f * pitch + c] * b[f * pitch + c];
}

template <typename T>
void test_results(const WinogradTransforms<T>& winograd, int64_t lanes, Random& random,
                  const TileBox& box, int64_t n, int64_t rows, int64_t columns, bool epilogue) {
  const int64_t results = winograd.results, frequencies = winograd.frequencies();
  set_case("winograd %d %s %d channels, cells %d-%d x %d-%d, %d x %d results%s",
           static_cast<int>(results), kTypeName<T>, static_cast<int>(n), static_cast<int>(box.top),
           static_cast<int>(box.bottom), static_cast<int>(box.left), static_cast<int>(box.right),
           static_cast<int>(rows), static_cast<int>(columns), epilogue ? ", bias relu" : "");
  const Tile<T> x(random, box, n, winograd.cells());
  const int64_t pitch = round_up(n, lanes) + 7, last = pitch - 7;
  const int64_t size = (frequencies - 1) * pitch + last;
  Buffer<T> w(8 * (n + 2) + n), v(size), u(size), m(size, lanes);
  Buffer<T> bias(n, lanes);
  w.uniform(random);
  bias.uniform(random);
  winograd.input(x.cells.data(), x.row, x.pixel, box, n, v.data(), pitch);
  winograd.kernel(w.data(), n + 2, n, u.data(), pitch);
  multiply(v, u, m, frequencies, pitch, n);
  const int64_t row = 4 * (n + 1) + 2;
  Buffer<T> y(3 * row + 4 * (n + 1));
  const Buffer<T> before(y);
  winograd.output(m.data(), pitch, n, epilogue ? bias.data() : nullptr, epilogue, y.data(), row,
                  n + 1, rows, columns);
  if (rows % 2 == 0 && columns % 2 == 0) {
    const int64_t pooled_row = 2 * (n + 1) + 2;
    Buffer<T> pooled(pooled_row + 2 * (n + 1)), largest(n);
    const Buffer<T> untouched(pooled);
    winograd.pooled_output(m.data(), pitch, n, epilogue ? bias.data() : nullptr, epilogue,
                           pooled.data(), pooled_row, n + 1, rows, columns);
    for (int64_t i = 0; i < results / 2; ++i)
      for (int64_t j = 0; j < results / 2; ++j) {
        T* got = &pooled[i * pooled_row + j * (n + 1)];
        const bool inside = 2 * i < rows && 2 * j < columns;
        for (int64_t c = 0; c < n && inside; ++c) {
          const T* cell = &y[2 * i * row + 2 * j * (n + 1) + c];
          largest[c] =
              std::max(std::max(cell[0], cell[n + 1]), std::max(cell[row], cell[row + n + 1]));
        }
        const T* want = inside ? largest.data() : &untouched[i * pooled_row + j * (n + 1)];
        expect_same_bits("a pooled pixel", got, want, n);
      }
  }
  for (int64_t i = 0; i < results; ++i) {
    for (int64_t j = 0; j < results; ++j) {
      T* got = &y[i * row + j * (n + 1)];
      if (i >= rows || j >= columns) {
        expect_same_bits("a pixel outside", got, &before[i * row + j * (n + 1)], n + 1);
        continue;
      }
      for (int64_t c = 0; c < n; ++c) {
        Wide<T> want = correlate<T>(
            3, i, j, [&](int64_t h, int64_t l) { return x.at(h, l, c); },
            [&](int64_t h, int64_t l) { return Wide<T>(w[(3 * h + l) * (n + 2) + c]); });
        if (epilogue) want = std::max(Wide<T>(0), want + bias[c]);
        expect_near("result", (i * 4 + j) * n + c, got[c], want, Wide<T>(9), kRoundings);
      }
      expect_same_bits("gap", got + n, &before[i * row + j * (n + 1) + n], 1);
    }
  }
}

template <typename T>
void test_kernel_gradient(const KernelTable<T>& kernels, Random& random, const TileBox& cells,
                          const TileBox& results, int64_t n) {
  set_case("winograd gradient %s %d channels, results %d-%d x %d-%d", kTypeName<T>,
           static_cast<int>(n), static_cast<int>(results.top), static_cast<int>(results.bottom),
           static_cast<int>(results.left), static_cast<int>(results.right));
  const Tile<T> x(random, cells, n, 6), dy(random, results, n, 4);
  const int64_t pitch = round_up(n, kernels.lanes) + 7;
  const int64_t frequencies = kernels.winograd_4x4.frequencies();
  const int64_t size = (frequencies - 1) * pitch + pitch - 7;
  Buffer<T> v(size), d(size), m((frequencies - 1) * pitch + n), dw(8 * (n + 3) + n);
  kernels.winograd_4x4.input(x.cells.data(), x.row, x.pixel, cells, n, v.data(), pitch);
  kernels.winograd_gradient(dy.cells.data(), dy.row, dy.pixel, results, n, d.data(), pitch);
  multiply(v, d, m, frequencies, pitch, n);
  kernels.winograd_kernel_gradient(m.data(), pitch, n, dw.data(), n + 3, false);
  const Buffer<T> once(dw);
  kernels.winograd_kernel_gradient(m.data(), pitch, n, dw.data(), n + 3, true);
  for (int64_t tap = 0; tap < 9; ++tap) {
    for (int64_t c = 0; c < n; ++c) {
      const Wide<T> want = correlate<T>(
          4, tap / 3, tap % 3, [&](int64_t h, int64_t l) { return x.at(h, l, c); },
          [&](int64_t h, int64_t l) { return dy.at(h, l, c); });
      const int64_t at = tap * (n + 3) + c;
      expect_near("tap", at, once[at], want, Wide<T>(16), kRoundings);
      expect_equal("tap added to itself", at, dw[at], once[at] + once[at]);
    }
  }
}

}  // namespace

template <typename T>
void test_winograd(const KernelTable<T>& kernels) {
  Random random(8);
  const TileBox whole{0, 6, 0, 6}, top{1, 6, 0, 6}, corner{1, 5, 1, 6}, cell{2, 3, 5, 6};
  for (int n : kSizes) {
    for (const TileBox& box : {whole, top, corner, cell}) {
      const auto test = [&](int64_t rows, int64_t columns, bool epilogue) {
        test_results(kernels.winograd_4x4, kernels.lanes, random, box, n, rows, columns, epilogue);
      };
      test(4, 4, false);
      test(4, 4, true);
      test(3, 4, false);
      test(2, 4, true);
      test(1, 2, true);
    }
    for (const TileBox& box : {TileBox{0, 4, 0, 4}, TileBox{1, 4, 0, 3}, TileBox{2, 3, 3, 4}}) {
      const auto test = [&](int64_t rows, int64_t columns, bool epilogue) {
        test_results(kernels.winograd_2x2, kernels.lanes, random, box, n, rows, columns, epilogue);
      };
      test(2, 2, false);
      test(2, 2, true);
      test(1, 2, false);
      test(1, 1, true);
    }
    test_kernel_gradient(kernels, random, whole, {0, 4, 0, 4}, n);
    test_kernel_gradient(kernels, random, top, {0, 4, 0, 3}, n);
    test_kernel_gradient(kernels, random, corner, {0, 1, 0, 2}, n);
  }
}

PF_INSTANTIATE_TEST(test_winograd)

}  // namespace pyframe::test
