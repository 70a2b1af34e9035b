// Transposed 2-D convolution: the gradient of a convolution's input, as a forward operator. Its
// kernel (kh, kw, filters, channels) is that of the convolution from the result to the input.
#include "ops/conv2d.h"

namespace pyframe {
namespace {

const std::vector<std::string> kAttrs = {"strides", "dilation", "padding", "output_padding"};

// Keras's length of the result (TensorFlow's padding; -1 for no output padding).
int64_t out_length(const OpContext& c, int64_t in, int64_t kernel, int64_t stride, int64_t dilation,
                   int64_t extra) {
  const int64_t extent = (kernel - 1) * dilation + 1;
  const bool same = c.attrs.text("padding", "valid") == "same";
  c.require(extra >= -1 && extra < stride, "output_padding must be smaller than the strides.");
  if (extra < 0) return same ? in * stride : (in - 1) * stride + std::max(extent, stride);
  return (in - 1) * stride + (same ? extent % 2 : extent) + extra;
}

// Shape of the result for x (N, H, W, C); its convolution must have the shape of x.
Shape out_shape(const OpContext& c, const Shape& x, const Shape& kernel) {
  const Ints strides = pair_attr(c, "strides", {1, 1});
  const Ints dilation = pair_attr(c, "dilation", {1, 1});
  const Ints extra = c.attrs.ints("output_padding", {-1, -1});
  c.require(extra.size() == 2, "output_padding must hold two numbers.");
  c.require((strides[0] == 1 && strides[1] == 1) || (dilation[0] == 1 && dilation[1] == 1),
            "strides > 1 together with dilation > 1 is not supported.");
  const std::string padding = c.attrs.text("padding", "valid");
  Shape y = {x[0], 0, 0, kernel[2]};
  for (size_t d : {size_t{0}, size_t{1}}) {
    c.require(kernel[d] >= 1, "the kernel must cover at least one cell.");
    y[d + 1] = out_length(c, x[d + 1], kernel[d], strides[d], dilation[d], extra[d]);
    c.require(x[d + 1] >= 1 && y[d + 1] >= 1, "the result would have no pixels.");
    const Window back = make_window(c, y[d + 1], kernel[d], strides[d], dilation[d], padding);
    c.require(back.out == x[d + 1], "output_padding does not fit kernel, strides and padding.");
  }
  return y;
}

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs float tensors.");
  c.require(c.rank(0) == 4 && c.rank(1) == 4,
            "needs x (N, H, W, C) and a kernel (kh, kw, filters, C).");
  c.require(c.shape(1)[3] == c.shape(0)[3] && c.shape(0)[3] >= 1 && c.shape(1)[2] >= 1,
            "kernel expects ", c.shape(1)[3], " input channels, got ", c.shape(0)[3], ".");
  for (size_t i = 1; i < c.count(); ++i)
    c.require(c.inputs[i].dtype == c.inputs[0].dtype, "operands have different dtypes.");
  if (c.count() == 3)
    c.require(c.rank(2) == 1 && c.shape(2)[0] == c.shape(1)[2], "bias must have the shape (",
              c.shape(1)[2], ",).");
  return {{out_shape(c, c.shape(0), c.shape(1)), c.inputs[0].dtype}};
}

int64_t work(const OpContext& c) {
  return element_count(c.shape(0)) * element_count(c.shape(1)) /
         std::max<int64_t>(1, c.shape(0)[3]);
}

void lower(Lowering& l) {
  lower_conv2d_input(l, l.x(0), l.x(1), l.count() == 3 ? l.x(2) : kNoTensor,
                     conv_of(l, l.y(), l.x(1), l.x(0)));
}

void gradient(GradientContext& g) {
  const Attrs attrs = {{"strides", g.attrs().ints("strides", {1, 1})},
                       {"dilation", g.attrs().ints("dilation", {1, 1})},
                       {"padding", g.attrs().text("padding", "valid")}};
  if (g.needs(0)) g.set(0, g.op("conv2d", {g.dy(), g.x(1)}, attrs));
  if (g.needs(1)) g.set(1, g.op("conv2d_grad_kernel", {g.dy(), g.x(0), g.x(1)}, attrs));
  if (g.count() == 3 && g.needs(2)) g.set(2, g.op("bias_grad", {g.dy()}));
}

bool register_all() {
  OpDef def;
  def.name = "conv2d_transpose";
  def.min_inputs = 2;
  def.max_inputs = 3;
  def.attrs = kAttrs;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.work = work;
  def.pitched_inputs = 1;
  def.pitched_output = true;
  return register_op(def);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
