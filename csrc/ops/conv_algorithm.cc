#include "ops/conv_algorithm.h"

#include <atomic>
#include <cmath>

#include "ops/conv_across.h"
#include "ops/winograd.h"

namespace pyframe {
namespace {

std::atomic<ConvAlgorithm> chosen{ConvAlgorithm::kAuto};

// Costs in multiply-adds of one vector each, fitted to single-thread runs on a Zen 4 core with
// AVX-512 and with AVX2 (bench/NOTES.md).
constexpr double kTileStart = 6;    // a register tile's loads and stores, as steps of its depth
constexpr double kLeastRows = 4;    // products of fewer rows take as long
constexpr double kTransform = 300;  // one vector of channels of one 6 x 6 tile
constexpr double kSmallTransform = 100;  // of one 4 x 4 tile
constexpr double kKernelTransform = 100, kSmallKernelTransform = 45;
constexpr double kGradientTransform = 400;
constexpr double kBytes = 6;  // streamed from beyond the L2 cache in that time
constexpr double kL2Bytes = 1 << 20, kL3Bytes = 16 << 20;
constexpr double kWorthWhile = 1.2;  // gain below which the rounding error is not worth it

double vectors(int64_t channels) {
  return static_cast<double>(ceil_div(channels, kernels<float>().lanes));
}

double stream(double bytes) { return bytes <= kL2Bytes ? 0 : bytes / kBytes; }

// A product with a matrix that comes from memory meanwhile: neither hides the other completely.
double product_cost(double multiplications, double bytes) {
  return std::hypot(multiplications, stream(bytes));
}

// Writes and reads a matrix; lines that go to memory are read before they are written, too.
double preparation_cost(double bytes) { return (bytes > kL3Bytes ? 3 : 2) * stream(bytes); }

// Pairs of a result and a tap, in one dimension, that meet inside the image.
int64_t taps_inside(const Window& w) {
  int64_t count = 0;
  for (int64_t q = 0; q < w.out; ++q)
    for (int64_t tap = 0; tap < w.kernel; ++tap) {
      const int64_t cell = q * w.stride - w.pad + tap * w.dilation;
      count += cell >= 0 && cell < w.in;
    }
  return count;
}

double direct_cost(const Conv2D& conv, const WinogradGrid& g, bool fixed_kernel, bool across) {
  const auto depth = static_cast<double>(9 * g.in_c);
  const double kernel_bytes = 4 * depth * static_cast<double>(g.out_c);
  const int64_t pairs = across ? taps_inside(conv.h) * taps_inside(conv.w) : 9 * g.out_h * g.out_w;
  const double pixels = static_cast<double>(conv.batch * pairs) / 9;
  return product_cost(std::max(kLeastRows, pixels) * vectors(g.out_c) * (depth + kTileStart),
                      kernel_bytes) +
         (fixed_kernel ? 0 : preparation_cost(kernel_bytes));
}

double winograd_cost(const Conv2D& conv, const WinogradGrid& g, bool fixed_kernel) {
  const auto tiles = static_cast<double>(conv.batch * g.tiles());
  const auto depth = static_cast<double>(g.in_c);
  const auto frequencies = static_cast<double>(g.frequencies());
  const double kernel_bytes = 4 * frequencies * depth * static_cast<double>(g.out_c);
  const bool small = g.results == 2;
  const double cost =
      product_cost(
          std::max(kLeastRows, tiles) * frequencies * vectors(g.out_c) * (depth + kTileStart),
          kernel_bytes) +
      tiles * (small ? kSmallTransform : kTransform) * (vectors(g.in_c) + vectors(g.out_c));
  if (fixed_kernel) return cost;
  return cost + preparation_cost(kernel_bytes) +
         depth * vectors(g.out_c) * (small ? kSmallKernelTransform : kKernelTransform);
}

// Gradient of the kernel: the same products with channels x filters as result.
double direct_gradient_cost(const Conv2D& conv, const WinogradGrid& g) {
  return static_cast<double>(conv.batch * g.out_h * g.out_w * 9 * g.in_c) * vectors(g.out_c);
}

double winograd_gradient_cost(const Conv2D& conv, const WinogradGrid& g) {
  const auto tiles = static_cast<double>(conv.batch * g.tiles());
  const double cells = static_cast<double>(g.in_c) * vectors(g.out_c);
  return tiles * static_cast<double>(g.frequencies()) * cells + kGradientTransform * cells +
         tiles * kTransform * (vectors(g.in_c) + vectors(g.out_c));
}

}  // namespace

void set_conv_algorithm(ConvAlgorithm algorithm) { chosen.store(algorithm); }
ConvAlgorithm conv_algorithm() { return chosen.load(); }

ConvMethod conv_method(const Conv2D& conv, ConvDirection direction, DType dtype,
                       bool fixed_kernel) {
  // Across images the kernel is packed where it is used, which a fixed one need not be.
  const bool across = !fixed_kernel && is_for_across(conv, dtype);
  const ConvMethod direct = across ? ConvMethod::kAcross : ConvMethod::kDirect;
  const ConvAlgorithm algorithm = conv_algorithm();
  const auto simple = [](const Window& w) {
    return w.kernel == 3 && w.stride == 1 && w.dilation == 1;
  };
  if (algorithm == ConvAlgorithm::kDirect || !simple(conv.h) || !simple(conv.w) ||
      conv.groups != 1 || conv.macs() == 0)
    return direct;
  const bool to_kernel = direction == ConvDirection::kKernel;
  if (algorithm == ConvAlgorithm::kWinograd2x2 && !to_kernel) return ConvMethod::kWinograd2x2;
  if (algorithm != ConvAlgorithm::kAuto) return ConvMethod::kWinograd4x4;
  if (dtype != DType::kF32) return direct;
  const bool backward = direction == ConvDirection::kInput;
  const WinogradGrid grid = winograd_grid(conv, backward, 4);
  if (to_kernel)
    return winograd_gradient_cost(conv, grid) * kWorthWhile < direct_gradient_cost(conv, grid)
               ? ConvMethod::kWinograd4x4
               : direct;
  const double large = winograd_cost(conv, grid, fixed_kernel);
  const double small = winograd_cost(conv, winograd_grid(conv, backward, 2), fixed_kernel);
  if (std::min(large, small) * kWorthWhile >= direct_cost(conv, grid, fixed_kernel, across))
    return direct;
  return small < large ? ConvMethod::kWinograd2x2 : ConvMethod::kWinograd4x4;
}

}  // namespace pyframe
