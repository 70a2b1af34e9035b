// Dropout with a counter-based mask: element i of stream `stream` in step `counter` is kept or
// dropped by a hash of (seed, counter, stream, i). The backward pass computes the same mask
// again instead of keeping it (Srivastava et al. 2014, inverted scaling as in Keras).
#include <cmath>

#include "common/dispatch_dtype.h"
#include "ops/elementwise.h"
#include "ops/random.h"

namespace pyframe {
namespace {

std::vector<TensorSpec> infer(const OpContext& c) {
  const double rate = c.attrs.number("rate", 0.5);
  c.require(rate >= 0 && rate <= 1, "rate must be between 0 and 1.");
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  require_random_state(c, 1);
  return {c.inputs[0]};
}

void lower(Lowering& l) {
  const double rate = l.attrs().number("rate", 0.5);
  if (rate == 0) return l.alias(l.y(), l.x(0));
  const auto stream = static_cast<uint64_t>(l.attrs().integer("stream", 0));
  const uint32_t threshold =
      static_cast<uint32_t>(std::min(4294967295.0, std::round(rate * 4294967296.0)));
  const Shape shape = l.y_shape();
  const int64_t row = shape.empty() ? 1 : row_size(shape);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels<T>().dropout;
    // At rate 1 a hash of UINT32_MAX would survive; its scale of zero drops it all the same.
    const T scale = rate == 1 ? T(0) : static_cast<T>(1 / (1 - rate));
    elementwise(l, {l.x(0)}, {l.x(1)}, l.y(), shape, 0,
                [=](const Call& c, int64_t offset, int64_t n) {
                  const auto first = static_cast<uint64_t>(offset > 0 ? offset : c.begin * row);
                  kernel(c.at<T>(0) + offset, c.at<T>(2) + offset, n, threshold, scale,
                         random_key(c.at<double>(1), stream), first);
                });
  });
}

void gradient(GradientContext& g) { g.set(0, g.op("dropout", {g.dy(), g.x(1)}, g.attrs())); }

bool register_all() {
  OpDef def;
  def.name = "dropout";
  def.min_inputs = def.max_inputs = 2;
  def.attrs = {"rate", "stream"};
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.recomputable = true;
  return register_op(def);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
