// 2-D convolution (cross-correlation, as all frameworks call it) over NHWC with HWIO kernels,
// and its gradients with respect to the input and the kernel.
#include "ops/conv2d.h"

#include <memory>

#include "common/dispatch_dtype.h"
#include "ops/conv_across.h"
#include "ops/conv_algorithm.h"
#include "ops/conv_engine.h"
#include "ops/conv_planar.h"
#include "ops/conv_pointwise.h"
#include "ops/winograd.h"

namespace pyframe {
namespace {

Conv2D make_conv(const OpContext& c, const Shape& x, const Shape& kernel) {
  Conv2D conv;
  conv.groups = c.attrs.integer("groups", 1);
  conv.batch = x[0];
  conv.in_c = x[3];
  conv.out_c = kernel[3];
  conv.in_pitch = conv.in_c;
  conv.out_pitch = conv.out_c;
  c.require(conv.groups >= 1 && conv.in_c % conv.groups == 0 && conv.out_c % conv.groups == 0,
            "groups must divide the input channels and the filters.");
  c.require(kernel[0] >= 1 && kernel[1] >= 1 && conv.in_c >= 1 && conv.out_c >= 1,
            "the kernel must cover at least one cell, channel and filter.");
  c.require(kernel[2] * conv.groups == conv.in_c, "kernel expects ", kernel[2] * conv.groups,
            " input channels, got ", conv.in_c, ".");
  const WindowPair windows = make_windows(c, x, kernel);
  conv.h = windows.h;
  conv.w = windows.w;
  return conv;
}

const std::vector<std::string> kAttrs = {"strides", "dilation", "padding", "groups"};

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs float tensors.");
  c.require(c.rank(0) == 4 && c.rank(1) == 4,
            "needs x (N, H, W, C) and a kernel (kh, kw, C / groups, filters).");
  const Conv2D conv = make_conv(c, c.shape(0), c.shape(1));
  for (size_t i = 1; i < c.count(); ++i)
    c.require(c.inputs[i].dtype == c.inputs[0].dtype, "operands have different dtypes.");
  if (c.count() == 3)
    c.require(c.rank(2) == 1 && c.shape(2)[0] == conv.out_c, "bias must have the shape (",
              conv.out_c, ",).");
  return {{{conv.batch, conv.h.out, conv.w.out, conv.out_c}, c.inputs[0].dtype}};
}

int64_t work(const OpContext& c) { return make_conv(c, c.shape(0), c.shape(1)).macs(); }

// Winograd's tiles are of even size.
bool takes_pooling(const OpContext& c, bool fixed_kernel) {
  const Conv2D conv = make_conv(c, c.shape(0), c.shape(1));
  const DType dtype = c.inputs[0].dtype;
  return winograd_results(conv_method(conv, ConvDirection::kForward, dtype, fixed_kernel)) > 0;
}

}  // namespace

Conv2D conv_of(Lowering& l, TensorId x, TensorId kernel, TensorId y) {
  const std::vector<TensorSpec> specs = {l.spec(x), l.spec(kernel)};
  Conv2D conv = make_conv({l.def(), l.attrs(), specs}, specs[0].shape, specs[1].shape);
  conv.in_pitch = l.pitch(x);
  conv.out_pitch = l.pitch(y);
  return conv;
}

int64_t task_count(int64_t batch, int64_t macs) {
  constexpr int64_t kTasks = 16, kTaskMacs = 400000, kManyTasks = 48, kLongMacs = 1200000;
  const int64_t tasks = std::max(std::clamp<int64_t>(macs / kTaskMacs, 1, kTasks),
                                 std::min(macs / kLongMacs, kManyTasks));
  return ceil_div(tasks, std::max<int64_t>(1, batch));
}

namespace {

// -- forward

ConvShape forward_shape(const Conv2D& conv) {
  ConvShape s{conv.h.in,      conv.w.in,      conv.in_c,     conv.in_pitch, conv.groups,
              conv.group_c(), conv.group_n(), conv.h.stride, conv.w.stride, {}};
  ConvPass pass{conv.h.out, conv.w.out, 0, conv.w.out * conv.out_pitch, conv.out_pitch, {}};
  for (int64_t i = 0; i < conv.h.kernel; ++i)
    for (int64_t j = 0; j < conv.w.kernel; ++j)
      pass.taps.push_back({i * conv.h.dilation - conv.h.pad, j * conv.w.dilation - conv.w.pad});
  s.passes.push_back(std::move(pass));
  return s;
}

// -- gradient of the input: one pass over dy for every phase of the strides

ConvShape backward_shape(const Conv2D& conv) {
  const Window &h = conv.h, &w = conv.w;
  ConvShape s{h.out, w.out, conv.out_c, conv.out_pitch, conv.groups, conv.group_n(), conv.group_c(),
              1,     1,     {}};
  for (int64_t rh = 0; rh < std::min(h.stride, h.in); ++rh) {
    for (int64_t rw = 0; rw < std::min(w.stride, w.in); ++rw) {
      ConvPass pass{ceil_div(h.in - rh, h.stride),    ceil_div(w.in - rw, w.stride),
                    (rh * w.in + rw) * conv.in_pitch, h.stride * w.in * conv.in_pitch,
                    w.stride * conv.in_pitch,         {}};
      // Pixel r + stride * q of dx meets dy at q + (r + pad - tap * dilation) / stride. Taps
      // run backwards so that the offsets ascend.
      for (int64_t i = h.kernel - 1; i >= 0; --i) {
        const int64_t dh = rh + h.pad - i * h.dilation;
        if (dh % h.stride != 0) continue;
        for (int64_t j = w.kernel - 1; j >= 0; --j) {
          const int64_t dw = rw + w.pad - j * w.dilation;
          if (dw % w.stride == 0) pass.taps.push_back({dh / h.stride, dw / w.stride});
        }
      }
      s.passes.push_back(std::move(pass));
    }
  }
  return s;
}

// The kernel cells behind the taps of a backward pass, in the same order.
std::vector<int64_t> backward_cells(const Conv2D& conv, int64_t rh, int64_t rw) {
  std::vector<int64_t> cells;
  for (int64_t i = conv.h.kernel - 1; i >= 0; --i)
    for (int64_t j = conv.w.kernel - 1; j >= 0; --j)
      if ((rh + conv.h.pad - i * conv.h.dilation) % conv.h.stride == 0 &&
          (rw + conv.w.pad - j * conv.w.dilation) % conv.w.stride == 0)
        cells.push_back(i * conv.w.kernel + j);
  return cells;
}

// One block of packed panels: B(k, j) = w[cell offset + k * rs + j * cs].
struct PackJob {
  int64_t from, to, columns;
};

// Adds the step that packs the kernel for all passes and groups, panel by panel, taps in order.
template <typename T>
TensorId lower_pack_kernel(Lowering& l, TensorId w, const Conv2D& conv, const ConvEngine<T>& engine,
                           bool backward) {
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t nr = kernel->nr;
  const ConvShape& s = engine.shape();
  const int64_t panels = ceil_div(s.group_n, nr), cell = conv.group_c() * conv.out_c;
  const int64_t rs = backward ? 1 : conv.out_c, cs = backward ? conv.out_c : 1;
  std::vector<PackJob> jobs;
  size_t index = 0;
  for (const ConvPass& pass : s.passes) {
    std::vector<int64_t> cells;
    if (backward) {
      const int64_t pixel = pass.out_offset / conv.in_pitch;
      cells = backward_cells(conv, pixel / conv.w.in, pixel % conv.w.in);
    } else {
      for (int64_t t = 0; t < conv.h.kernel * conv.w.kernel; ++t) cells.push_back(t);
    }
    const auto taps = static_cast<int64_t>(cells.size());
    for (int64_t g = 0; g < s.groups; ++g)
      for (int64_t p = 0; p < panels; ++p)
        for (int64_t t = 0; t < taps; ++t)
          jobs.push_back({cells[static_cast<size_t>(t)] * cell + g * conv.group_n() + p * nr * cs,
                          engine.b_offset(index, g) + (p * taps + t) * s.group_c * nr,
                          std::min(nr, s.group_n - p * nr)});
    ++index;
  }
  const TensorId packed = l.temp({{engine.packed_size()}, l.dtype()});
  const int64_t depth = s.group_c, count = static_cast<int64_t>(jobs.size());
  const int64_t group = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, depth * nr));
  l.tasks("pack_kernel", ceil_div(count, group), {read_whole(w), write_whole(packed)},
          engine.packed_size(), [=, jobs = std::move(jobs)](const Call& c) {
            for (int64_t i = c.begin * group; i < std::min(count, c.end * group); ++i) {
              const PackJob& job = jobs[static_cast<size_t>(i)];
              kernel->pack_b(c.at<T>(0) + job.from, rs, cs, depth, job.columns,
                             c.at<T>(1) + job.to);
            }
          });
  return packed;
}

// Adds the convolution step itself: images are rows, or row blocks of images are tasks. The engine
// computes blocks of one image (ConvEngine::run) with the kernel in the form b.
template <typename T, typename Engine>
void lower_images(Lowering& l, TensorId x, TensorId b, TensorId bias, const Conv2D& conv,
                  const std::shared_ptr<const Engine>& engine) {
  const Shape from = l.spec(x).shape, to = l.y_shape();
  const int64_t in_size = from[1] * from[2] * l.pitch(x), out_size = to[1] * to[2] * l.pitch(l.y());
  const bool has_bias = bias != kNoTensor;
  const RowEpilogue<T> epilogue(l.epilogue(), Engine::kEpilogue);
  const int64_t blocks = engine->blocks();
  const bool split = l.few_rows(conv.batch, conv.macs());
  std::vector<Operand> operands = {split ? read_whole(x) : read(x), read_whole(b),
                                   split ? write_whole(l.y()) : write(l.y())};
  if (has_bias) operands.push_back(read_whole(bias));
  const int residual = add_residual(l, operands, split);
  const auto run = [=](const Call& c, int64_t image, int64_t begin, int64_t end, int64_t previous) {
    engine->run(c.at<T>(0) + image * in_size, c.at<T>(1), has_bias ? c.at<T>(3) : nullptr,
                c.at<T>(2) + image * out_size, epilogue.of(c, 2, residual), begin, end, previous,
                reinterpret_cast<T*>(c.workspace));
  };
  const char* name = l.def().name.c_str();
  Step* step;
  if (split) {
    step =
        &l.tasks(name, conv.batch * blocks, std::move(operands), conv.macs(), [=](const Call& c) {
          const int64_t image = c.begin / blocks, block = c.begin % blocks;
          run(c, image, block, block + 1,
              c.previous >= 0 && c.previous / blocks == image ? c.previous % blocks : -1);
        });
  } else {
    step = &l.rows(name, conv.batch, std::move(operands), conv.macs(), [=](const Call& c) {
      for (int64_t i = 0; i < c.count(); ++i) run(c, i, 0, blocks, -1);
    });
  }
  step->workspace = engine->workspace_bytes();
  if (Engine::kEpilogue == EpilogueIn::kSumAndBounds) sum_in_place(l, *step, residual, 2);
}

int64_t image_blocks(const Lowering& l, const Conv2D& conv) {
  return l.few_rows(conv.batch, conv.macs()) ? task_count(conv.batch, conv.macs()) : 1;
}

template <typename T>
void lower_conv(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv,
                bool backward) {
  const KernelTable<T>* kernel = &kernels<T>();
  auto planar = std::make_shared<const PlanarConv<T>>(kernel, conv, backward);
  if (planar->pays()) return lower_images<T>(l, x, w, bias, conv, planar);
  // A kernel of one group that fits one panel needs no packing: its rows are already adjacent.
  const bool plain = !backward && conv.groups == 1 && conv.out_c <= kernel->nr;
  auto engine = std::make_shared<const ConvEngine<T>>(
      kernel, backward ? backward_shape(conv) : forward_shape(conv), plain, image_blocks(l, conv));
  const TensorId b = plain ? w : lower_pack_kernel<T>(l, w, conv, *engine, backward);
  lower_images<T>(l, x, b, bias, conv, engine);
}

void lower(Lowering& l) {
  const Conv2D conv = conv_of(l, l.x(0), l.x(1), l.y());
  const TensorId bias = l.count() == 3 ? l.x(2) : kNoTensor;
  if (is_one_product(l, conv)) return lower_pointwise(l, l.x(0), l.x(1), bias, conv);
  const ConvMethod method =
      conv_method(conv, ConvDirection::kForward, l.dtype(), l.is_fixed(l.x(1)));
  if (method == ConvMethod::kAcross) return lower_across(l, l.x(0), l.x(1), bias, conv, false);
  if (const int64_t results = winograd_results(method))
    return lower_winograd(l, l.x(0), l.x(1), bias, conv, false, results);
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_conv<typename decltype(tag)::type>(l, l.x(0), l.x(1), bias, conv, false);
  });
}

void gradient(GradientContext& g) {
  if (g.needs(0)) g.set(0, g.op("conv2d_grad_input", {g.dy(), g.x(1), g.x(0)}, g.attrs()));
  if (g.needs(1)) g.set(1, g.op("conv2d_grad_kernel", {g.x(0), g.dy(), g.x(1)}, g.attrs()));
  if (g.count() == 3 && g.needs(2)) g.set(2, g.op("bias_grad", {g.dy()}));
}

// Inputs dy, kernel and x, the last for its shape.
std::vector<TensorSpec> infer_grad_input(const OpContext& c) { return {c.inputs[2]}; }

int64_t work_grad_input(const OpContext& c) { return make_conv(c, c.shape(2), c.shape(1)).macs(); }

void lower_grad_input(Lowering& l) {
  const Conv2D conv = conv_of(l, l.y(), l.x(1), l.x(0));
  if (is_pointwise(conv)) return lower_pointwise_grad_input(l, l.x(0), l.x(1), conv);
  const ConvMethod method = conv_method(conv, ConvDirection::kInput, l.dtype(), l.is_fixed(l.x(1)));
  if (method == ConvMethod::kAcross) return lower_across(l, l.x(0), l.x(1), kNoTensor, conv, true);
  if (const int64_t results = winograd_results(method))
    return lower_winograd(l, l.x(0), l.x(1), kNoTensor, conv, true, results);
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_conv<typename decltype(tag)::type>(l, l.x(0), l.x(1), kNoTensor, conv, true);
  });
}

// -- gradient of the kernel: inputs x, dy and the kernel, the last for its shape.

std::vector<TensorSpec> infer_grad_kernel(const OpContext& c) { return {c.inputs[2]}; }

int64_t work_grad_kernel(const OpContext& c) { return make_conv(c, c.shape(0), c.shape(2)).macs(); }

bool register_all() {
  OpDef def;
  def.name = "conv2d";
  def.min_inputs = 2;
  def.max_inputs = 3;
  def.attrs = kAttrs;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.work = work;
  def.takes_epilogue = true;
  def.takes_residual = true;
  def.with_rows = "separable_conv2d";
  def.takes_pooling = takes_pooling;
  def.folds_padding = OpDef::FoldsPadding::kOfInput;
  def.folds_channels = true;
  def.recomputable = true;
  def.pitched_inputs = 1;
  def.pitched_output = true;
  register_op(def);

  OpDef input;
  input.name = "conv2d_grad_input";
  input.min_inputs = input.max_inputs = 3;
  input.attrs = kAttrs;
  input.infer = infer_grad_input;
  input.lower = lower_grad_input;
  input.work = work_grad_input;
  input.shape_only_from = 2;
  input.shape_only_to = 3;
  input.folds_padding = OpDef::FoldsPadding::kOfResult;
  input.internal = true;
  input.pitched_inputs = 1;
  input.pitched_output = true;
  register_op(input);

  OpDef kernel = input;
  kernel.name = "conv2d_grad_kernel";
  kernel.infer = infer_grad_kernel;
  kernel.lower = lower_conv2d_grad_kernel;
  kernel.work = work_grad_kernel;
  kernel.folds_padding = OpDef::FoldsPadding::kOfInput;
  kernel.padded_kernel = 2;
  kernel.pitched_inputs = 3;
  kernel.pitched_output = false;
  return register_op(kernel);
}

const bool registered = register_all();

}  // namespace

void lower_conv2d_input(Lowering& l, TensorId dy, TensorId kernel, TensorId bias,
                        const Conv2D& conv) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_conv<typename decltype(tag)::type>(l, dy, kernel, bias, conv, true);
  });
}

}  // namespace pyframe
