// Depthwise 2-D convolution: x NHWC, kernel (kh, kw, C), one filter a channel, and its gradients.
#include "ops/depthwise_conv2d.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "common/dispatch_dtype.h"
#include "ops/reduce.h"

namespace pyframe {

Depthwise make_depthwise(const OpContext& c, const Shape& x, const Shape& kernel) {
  c.require(kernel[0] >= 1 && kernel[1] >= 1, "the kernel must cover at least one cell.");
  c.require(kernel[2] == x[3] && x[3] >= 1, "kernel expects ", kernel[2], " input channels, got ",
            x[3], ".");
  const WindowPair windows = make_windows(c, x, kernel);
  return {windows.h, windows.w, x[0], x[3]};
}

Depthwise depthwise_of(Lowering& l, size_t x, size_t kernel) {
  const std::vector<TensorSpec> specs = {{l.x_shape(x), l.dtype()}, {l.x_shape(kernel), l.dtype()}};
  return make_depthwise({l.def(), l.attrs(), specs}, specs[0].shape, specs[1].shape);
}

DepthwisePass forward_pass(const Depthwise& d) {
  return {d.h.in,        d.w.in,       d.c,          d.h.out,    d.w.out,
          d.w.out * d.c, d.c,          d.h.kernel,   d.w.kernel, d.h.stride,
          d.w.stride,    d.h.dilation, d.w.dilation, -d.h.pad,   -d.w.pad};
}

namespace {

const std::vector<std::string> kAttrs = {"strides", "dilation", "padding"};

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs float tensors.");
  c.require(c.rank(0) == 4 && c.rank(1) == 3, "needs x (N, H, W, C) and a kernel (kh, kw, C).");
  const Depthwise d = make_depthwise(c, c.shape(0), c.shape(1));
  for (size_t i = 1; i < c.count(); ++i)
    c.require(c.inputs[i].dtype == c.inputs[0].dtype, "operands have different dtypes.");
  if (c.count() == 3)
    c.require(c.rank(2) == 1 && c.shape(2)[0] == d.c, "bias must have the shape (", d.c, ",).");
  return {{{d.batch, d.h.out, d.w.out, d.c}, c.inputs[0].dtype}};
}

// A small image is one piece of work, a large one is cut in blocks of rows.
int64_t rows_of_block(int64_t rows, int64_t row_macs) {
  constexpr int64_t kWork = 100000;
  const int64_t block =
      std::clamp<int64_t>(kWork / std::max<int64_t>(1, row_macs), 1, std::max<int64_t>(1, rows));
  return ceil_div(rows, std::max<int64_t>(1, ceil_div(rows, block)));
}

template <typename T>
void lower_forward(Lowering& l) {
  const KernelTable<T>* k = &kernels<T>();
  const Depthwise d = depthwise_of(l, 0, 1);
  const DepthwisePass pass = forward_pass(d);
  const BoundedEpilogue<T> epilogue(l.epilogue());
  const bool bias = l.count() == 3, split = l.few_rows(d.batch, d.macs());
  std::vector<Operand> operands = {split ? read_whole(l.x(0)) : read(l.x(0)), read_whole(l.x(1)),
                                   split ? write_whole(l.y()) : write(l.y())};
  if (bias) operands.push_back(read_whole(l.x(2)));
  const int64_t in_size = d.in_size(), out_size = d.out_size();
  const auto run = [=](const Call& c, int64_t image, int64_t q0, int64_t q1) {
    T* y = c.at<T>(2) + image * out_size;
    k->depthwise(pass, c.at<T>(0) + image * in_size, c.at<T>(1), bias ? c.at<T>(3) : nullptr, y, q0,
                 q1, epilogue.low, epilogue.high);
    epilogue.rest.apply(y + q0 * pass.out_row, (q1 - q0) * pass.out_row);
  };
  if (!split) {
    l.rows("depthwise_conv2d", d.batch, std::move(operands), d.macs(), [=](const Call& c) {
      for (int64_t i = 0; i < c.count(); ++i) run(c, i, 0, pass.out_h);
    });
    return;
  }
  const int64_t block = rows_of_block(pass.out_h, pass.out_row * pass.kh * pass.kw);
  const int64_t blocks = ceil_div(pass.out_h, std::max<int64_t>(1, block));
  l.tasks("depthwise_conv2d", d.batch * blocks, std::move(operands), d.macs(), [=](const Call& c) {
    for (int64_t t = c.begin; t < c.end; ++t) {
      const int64_t q = t % blocks * block;
      run(c, t / blocks, q, std::min(pass.out_h, q + block));
    }
  });
}

void lower(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) { lower_forward<typename decltype(tag)::type>(l); });
}

int64_t work(const OpContext& c) { return make_depthwise(c, c.shape(0), c.shape(1)).macs(); }

void gradient(GradientContext& g) {
  if (g.needs(0))
    g.set(0, g.op("depthwise_conv2d_grad_input", {g.dy(), g.x(1), g.x(0)}, g.attrs()));
  if (g.needs(1))
    g.set(1, g.op("depthwise_conv2d_grad_kernel", {g.x(0), g.dy(), g.x(1)}, g.attrs()));
  if (g.count() == 3 && g.needs(2)) g.set(2, g.op("bias_grad", {g.dy()}));
}

// -- gradient of the input: a convolution of dy with the mirrored kernel for every phase of the
// strides. Inputs dy, kernel and x, the last for its shape.

// The taps of one phase along one dimension: pixel r + stride * q of dx meets dy at
// q + (r + pad - tap * dilation) / stride.
struct Phase {
  int64_t pixels, first;       // of dx; the first of them
  int64_t start = 0;           // position in dy of the first tap for q = 0
  std::vector<int64_t> cells;  // kernel cells in the order of ascending positions
  Phase(const Window& w, int64_t r) : pixels(ceil_div(w.in - r, w.stride)), first(r) {
    for (int64_t i = w.kernel - 1; i >= 0; --i) {
      const int64_t at = r + w.pad - i * w.dilation;
      if (at % w.stride != 0) continue;
      if (cells.empty()) start = at / w.stride;
      cells.push_back(i);
    }
  }
};

struct InputGradient {
  std::vector<DepthwisePass> passes;
  std::vector<int64_t> out_offset, k_offset;
  std::vector<int64_t> cells;  // kernel cells of all passes, in the order they are packed

  explicit InputGradient(const Depthwise& d) {
    for (int64_t rh = 0; rh < std::min(d.h.stride, d.h.in); ++rh)
      for (int64_t rw = 0; rw < std::min(d.w.stride, d.w.in); ++rw) {
        const Phase h(d.h, rh), w(d.w, rw);
        out_offset.push_back((rh * d.w.in + rw) * d.c);
        k_offset.push_back(static_cast<int64_t>(cells.size()) * d.c);
        passes.push_back({d.h.out, d.w.out, d.c, h.pixels, w.pixels, d.h.stride * d.w.in * d.c,
                          d.w.stride * d.c, static_cast<int64_t>(h.cells.size()),
                          static_cast<int64_t>(w.cells.size()), 1, 1, d.h.dilation, d.w.dilation,
                          h.start, w.start});
        for (int64_t i : h.cells)
          for (int64_t j : w.cells) cells.push_back(i * d.w.kernel + j);
      }
  }
  int64_t rows() const { return passes.empty() ? 0 : passes[0].out_h; }  // the first has most
};

std::vector<TensorSpec> infer_grad_input(const OpContext& c) { return {c.inputs[2]}; }

template <typename T>
void lower_grad_input_of(Lowering& l) {
  const KernelTable<T>* k = &kernels<T>();
  const Depthwise d = depthwise_of(l, 2, 1);
  auto grad = std::make_shared<const InputGradient>(d);
  const auto cells = static_cast<int64_t>(grad->cells.size());
  const int64_t channels = d.c;
  const TensorId packed = l.temp({{cells * channels}, l.dtype()});
  l.tasks("pack_kernel", 1, {read_whole(l.x(1)), write_whole(packed)}, cells * channels,
          [=](const Call& c) {
            for (int64_t i = 0; i < cells; ++i)
              std::copy_n(c.at<T>(0) + grad->cells[static_cast<size_t>(i)] * channels, channels,
                          c.at<T>(1) + i * channels);
          });
  const bool split = l.few_rows(d.batch, d.macs());
  const std::vector<Operand> operands = {split ? read_whole(l.x(0)) : read(l.x(0)),
                                         read_whole(packed),
                                         split ? write_whole(l.y()) : write(l.y())};
  const int64_t in_size = d.in_size(), out_size = d.out_size();
  const auto run = [=](const Call& c, int64_t image, int64_t q0, int64_t q1) {
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    for (size_t p = 0; p < grad->passes.size(); ++p) {
      const DepthwisePass& pass = grad->passes[p];
      k->depthwise(pass, c.at<T>(0) + image * out_size, c.at<T>(1) + grad->k_offset[p], nullptr,
                   c.at<T>(2) + image * in_size + grad->out_offset[p], q0, std::min(q1, pass.out_h),
                   -kInfinity, kInfinity);
    }
  };
  const int64_t rows = grad->rows();
  const char* name = l.def().name.c_str();
  if (!split) {
    l.rows(name, d.batch, operands, d.macs(), [=](const Call& c) {
      for (int64_t i = 0; i < c.count(); ++i) run(c, i, 0, rows);
    });
    return;
  }
  const int64_t row_macs = d.macs() / std::max<int64_t>(1, d.batch * rows);
  const int64_t block = rows_of_block(rows, row_macs);
  const int64_t blocks = ceil_div(rows, std::max<int64_t>(1, block));
  l.tasks(name, d.batch * blocks, operands, d.macs(), [=](const Call& c) {
    for (int64_t t = c.begin; t < c.end; ++t) {
      const int64_t q = t % blocks * block;
      run(c, t / blocks, q, std::min(rows, q + block));
    }
  });
}

void lower_grad_input(Lowering& l) {
  dispatch_float(l.dtype(),
                 [&](auto tag) { lower_grad_input_of<typename decltype(tag)::type>(l); });
}

// -- gradient of the kernel: inputs x, dy and the kernel, the last for its shape

std::vector<TensorSpec> infer_grad_kernel(const OpContext& c) { return {c.inputs[2]}; }

template <typename T>
void lower_grad_kernel_of(Lowering& l) {
  const KernelTable<T>* k = &kernels<T>();
  const Depthwise d = depthwise_of(l, 0, 2);
  const DepthwisePass pass = forward_pass(d);
  const int64_t size = element_count(l.y_shape());
  const int64_t in_size = d.in_size(), out_size = d.out_size();
  if (d.batch * out_size == 0) return lower_zero(l, l.y(), size);
  const char* name = l.def().name.c_str();
  if (!l.few_rows(d.batch, d.macs())) {
    const int64_t lanes = l.lanes(d.batch);
    const TensorId dk = lanes == 1 ? l.y() : l.lane_temp({l.y_shape(), l.dtype()}, d.batch);
    l.rows(name, d.batch, {read(l.x(0)), read(l.x(1)), write_lane(dk)}, d.macs(),
           [=](const Call& c) {
             for (int64_t i = 0; i < c.count(); ++i)
               k->depthwise_grad_kernel(pass, c.at<T>(0) + i * in_size, c.at<T>(1) + i * out_size,
                                        c.at<T>(2), 0, pass.out_h, !c.first_in_lane || i > 0);
           });
    if (lanes > 1) lower_lane_sum(l, dk, lanes, size, l.y());
    return;
  }
  // Blocks of output rows of all images, in a fixed number of pieces with sums of their own.
  const int64_t rows = d.batch * pass.out_h, pieces = std::min<int64_t>(rows, 8);
  const TensorId dk = pieces == 1 ? l.y() : l.temp({{pieces * size}, l.dtype()});
  l.tasks(name, pieces, {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(dk)}, d.macs(),
          [=](const Call& c) {
            for (int64_t t = c.begin; t < c.end; ++t) {
              const int64_t first = t * rows / pieces, last = (t + 1) * rows / pieces;
              for (int64_t r = first; r < last;) {
                const int64_t image = r / pass.out_h, q = r % pass.out_h;
                const int64_t n = std::min(last - r, pass.out_h - q);
                k->depthwise_grad_kernel(pass, c.at<T>(0) + image * in_size,
                                         c.at<T>(1) + image * out_size, c.at<T>(2) + t * size, q,
                                         q + n, r > first);
                r += n;
              }
            }
          });
  if (pieces > 1) lower_lane_sum(l, dk, pieces, size, l.y());
}

void lower_grad_kernel(Lowering& l) {
  dispatch_float(l.dtype(),
                 [&](auto tag) { lower_grad_kernel_of<typename decltype(tag)::type>(l); });
}

bool register_all() {
  OpDef def;
  def.name = "depthwise_conv2d";
  def.min_inputs = 2;
  def.max_inputs = 3;
  def.attrs = kAttrs;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.work = work;
  def.takes_epilogue = true;
  def.makes_rows = true;
  def.folds_padding = OpDef::FoldsPadding::kOfInput;
  def.folds_channels = true;
  def.recomputable = true;
  register_op(def);

  OpDef grad;
  grad.min_inputs = grad.max_inputs = 3;
  grad.attrs = kAttrs;
  grad.shape_only_from = 2;
  grad.shape_only_to = 3;
  grad.internal = true;

  grad.name = "depthwise_conv2d_grad_input";
  grad.infer = infer_grad_input;
  grad.lower = lower_grad_input;
  grad.work = [](const OpContext& c) { return make_depthwise(c, c.shape(2), c.shape(1)).macs(); };
  grad.folds_padding = OpDef::FoldsPadding::kOfResult;
  register_op(grad);

  grad.name = "depthwise_conv2d_grad_kernel";
  grad.infer = infer_grad_kernel;
  grad.lower = lower_grad_kernel;
  grad.work = [](const OpContext& c) { return make_depthwise(c, c.shape(0), c.shape(2)).macs(); };
  grad.folds_padding = OpDef::FoldsPadding::kOfInput;
  grad.padded_kernel = 2;
  return register_op(grad);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
