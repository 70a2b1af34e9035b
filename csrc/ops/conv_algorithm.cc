#include "ops/conv_algorithm.h"

#include <atomic>

#include "ops/winograd.h"

namespace pyframe {
namespace {

std::atomic<ConvAlgorithm> chosen{ConvAlgorithm::kAuto};

// Costs in multiply-adds of one vector each, fitted to single-thread runs on a Zen 4 core with
// AVX-512 and with AVX2 (bench/NOTES.md).
constexpr double kTileStart = 6;    // a register tile's loads and stores, as steps of its depth
constexpr double kTransform = 300;  // one vector of channels of one 6 x 6 tile
constexpr double kKernelTransform = 100;
constexpr double kGradientTransform = 400;
constexpr double kBytes = 6;  // streamed from beyond the L2 cache in that time
constexpr double kL2Bytes = 1 << 20;
constexpr double kWorthWhile = 1.2;  // gain below which the rounding error is not worth it

double vectors(int64_t channels) {
  return static_cast<double>(ceil_div(channels, kernels<float>().lanes));
}

double stream(double bytes) { return bytes < kL2Bytes ? 0 : bytes / kBytes; }

double direct_cost(const Conv2D& conv, const WinogradGrid& g, bool fixed_kernel) {
  const auto depth = static_cast<double>(9 * g.in_c);
  const double kernel_bytes = 4 * depth * static_cast<double>(g.out_c);
  return static_cast<double>(conv.batch * g.out_h * g.out_w) * vectors(g.out_c) *
             (depth + kTileStart) +
         stream(kernel_bytes) * (fixed_kernel ? 1 : 3);
}

double winograd_cost(const Conv2D& conv, const WinogradGrid& g, bool fixed_kernel) {
  const auto tiles = static_cast<double>(conv.batch * g.tiles());
  const auto depth = static_cast<double>(g.in_c);
  const double kernel_bytes = 4 * kFrequencies * depth * static_cast<double>(g.out_c);
  double cost = tiles * kFrequencies * vectors(g.out_c) * (depth + kTileStart) +
                tiles * kTransform * (vectors(g.in_c) + vectors(g.out_c)) + stream(kernel_bytes);
  if (!fixed_kernel) cost += depth * vectors(g.out_c) * kKernelTransform + 2 * stream(kernel_bytes);
  return cost;
}

// Gradient of the kernel: the same products with channels x filters as result.
double direct_gradient_cost(const Conv2D& conv, const WinogradGrid& g) {
  return static_cast<double>(conv.batch * g.out_h * g.out_w * 9 * g.in_c) * vectors(g.out_c);
}

double winograd_gradient_cost(const Conv2D& conv, const WinogradGrid& g) {
  const auto tiles = static_cast<double>(conv.batch * g.tiles());
  const double cells = static_cast<double>(g.in_c) * vectors(g.out_c);
  return tiles * kFrequencies * cells + kGradientTransform * cells +
         tiles * kTransform * (vectors(g.in_c) + vectors(g.out_c));
}

}  // namespace

void set_conv_algorithm(ConvAlgorithm algorithm) { chosen.store(algorithm); }
ConvAlgorithm conv_algorithm() { return chosen.load(); }

bool use_winograd(const Conv2D& conv, ConvDirection direction, DType dtype, bool fixed_kernel) {
  const auto simple = [](const Window& w) {
    return w.kernel == 3 && w.stride == 1 && w.dilation == 1;
  };
  if (!simple(conv.h) || !simple(conv.w) || conv.groups != 1 || conv.macs() == 0) return false;
  if (conv_algorithm() != ConvAlgorithm::kAuto) return conv_algorithm() == ConvAlgorithm::kWinograd;
  if (dtype != DType::kF32) return false;
  const WinogradGrid grid = winograd_grid(conv, direction == ConvDirection::kInput);
  if (direction == ConvDirection::kKernel)
    return winograd_gradient_cost(conv, grid) * kWorthWhile < direct_gradient_cost(conv, grid);
  return winograd_cost(conv, grid, fixed_kernel) * kWorthWhile <
         direct_cost(conv, grid, fixed_kernel);
}

}  // namespace pyframe
