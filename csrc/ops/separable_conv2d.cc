// A depthwise convolution and the 1x1 convolution that alone reads its result, in one: a task
// computes some rows of the first into a buffer of its thread, where the product finds them in the
// cache, and nothing of the size of an image lies between. Plans put it in the place of the two
// (OpDef::with_rows); the sums are theirs, in the same order.
#include <algorithm>
#include <memory>

#include "common/dispatch_dtype.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"

namespace pyframe {
namespace {

// A block's buffer should fit the L2 cache beside some panels of the kernel, and have enough pixels
// for the panels that it loads.
constexpr int64_t kBufferBytes = 256 * 1024;
constexpr int64_t kLeastPixels = 28;

// Inputs: image, depthwise kernel[, its bias], pointwise kernel[, its bias]; the position of the
// pointwise kernel, the only one of rank 4 behind the image.
size_t pointwise_kernel(const OpContext& c) { return c.rank(2) == 4 ? 2 : 3; }

struct Separable {
  Depthwise depthwise;
  int64_t filters;

  int64_t pixels() const { return depthwise.h.out * depthwise.w.out; }
  int64_t macs() const {
    return depthwise.macs() + depthwise.batch * pixels() * depthwise.c * filters;
  }
};

Separable make_separable(const OpContext& c) {
  return {make_depthwise(c, c.shape(0), c.shape(1)), c.shape(pointwise_kernel(c))[3]};
}

// The blocks in which an image is cut: of rows, and of panels of filters.
template <typename T>
class SeparableEngine {
 public:
  SeparableEngine(const KernelTable<T>* kernel, const Separable& s, const Epilogue* inner,
                  int64_t y_pixel, int64_t tasks)
      : kernel_(kernel),
        pass_(forward_pass(s.depthwise)),
        filters_(s.filters),
        y_pixel_(y_pixel),
        plain_(s.filters <= kernel->nr),
        inner_(inner) {
    const int64_t c = pass_.c;
    // Pixels a multiple of 1 KiB apart would share few sets of the L1 cache.
    pixel_ = c * static_cast<int64_t>(sizeof(T)) % 1024 == 0
                 ? c + 64 / static_cast<int64_t>(sizeof(T))
                 : c;
    pass_.out_pixel = pixel_;
    pass_.out_row = pass_.out_w * pixel_;
    const int64_t row_bytes = std::max<int64_t>(1, pass_.out_row * static_cast<int64_t>(sizeof(T)));
    const int64_t fitting = std::max<int64_t>(1, kBufferBytes / row_bytes);
    const int64_t least = ceil_div(kLeastPixels, std::max<int64_t>(1, pass_.out_w));
    const int64_t panels = ceil_div(filters_, kernel_->nr);
    row_blocks_ = std::max(ceil_div(pass_.out_h, fitting),
                           std::min(tasks, std::max<int64_t>(1, pass_.out_h / least)));
    block_rows_ = ceil_div(pass_.out_h, row_blocks_);
    row_blocks_ = ceil_div(pass_.out_h, block_rows_);
    block_panels_ = std::max<int64_t>(1, panels * row_blocks_ / std::max(tasks, row_blocks_));
    filter_blocks_ = ceil_div(panels, block_panels_);
  }

  int64_t blocks() const { return row_blocks_ * filter_blocks_; }
  bool plain() const { return plain_; }
  size_t workspace_bytes() const {
    return static_cast<size_t>(block_rows_ * pass_.out_row) * sizeof(T);
  }

  struct Operands {
    const T *x, *depthwise, *depthwise_bias, *pointwise, *bias;
    T* y;
  };

  // Computes blocks [begin, end) of one image; previous: the block of this image that the workspace
  // was used for last, -1: none.
  void run(const Operands& o, const RowEpilogue<T>& epilogue, int64_t begin, int64_t end,
           int64_t previous, T* workspace) const {
    static constexpr int64_t kZero[1] = {0};
    int64_t filled = previous < 0 ? -1 : previous / filter_blocks_;
    const int64_t nr = kernel_->nr, depth = pass_.c;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t row_block = block / filter_blocks_;
      const int64_t q0 = row_block * block_rows_, q1 = std::min(q0 + block_rows_, pass_.out_h);
      if (row_block != filled) fill(o, q0, q1 - q0, workspace);
      filled = row_block;
      const int64_t column = block % filter_blocks_ * block_panels_ * nr;
      const int64_t columns = std::min(filters_ - column, block_panels_ * nr);
      const int64_t pixels = (q1 - q0) * pass_.out_w;
      T* y = o.y + q0 * pass_.out_w * y_pixel_ + column;
      const GemmB<T> b = plain_ ? GemmB<T>::plain(o.pointwise, filters_, nr)
                                : GemmB<T>::packed(o.pointwise + column * depth, depth, nr);
      kernel_->gemm({pixels, columns, 1, depth, workspace, pixel_, 1, kZero, b.data, b.panel, b.row,
                     kZero, y, y_pixel_, false, o.bias == nullptr ? nullptr : o.bias + column,
                     epilogue.relu, epilogue.residual_of(y), epilogue.high});
      if (!epilogue.is_pass()) continue;
      if (columns == y_pixel_) {
        epilogue.apply(y, pixels * filters_);
      } else {
        for (int64_t p = 0; p < pixels; ++p) epilogue.apply(y + p * y_pixel_, columns);
      }
    }
  }

 private:
  // The depthwise convolution's output rows [q0, q0 + rows).
  void fill(const Operands& o, int64_t q0, int64_t rows, T* to) const {
    DepthwisePass pass = pass_;
    pass.top += q0 * pass.sh;
    kernel_->depthwise(pass, o.x, o.depthwise, o.depthwise_bias, to, 0, rows, inner_.low,
                       inner_.high);
    if (inner_.rest.is_pass())
      for (int64_t p = 0; p < rows * pass.out_w; ++p) inner_.rest.apply(to + p * pixel_, pass.c);
  }

  const KernelTable<T>* kernel_;
  DepthwisePass pass_;         // into the buffer
  int64_t filters_, y_pixel_;  // the latter: elements between pixels of the result
  bool plain_;                 // the kernel's rows are a panel as they lie
  BoundedEpilogue<T> inner_;
  int64_t pixel_ = 0;  // elements between pixels of the buffer
  int64_t block_rows_ = 1, row_blocks_ = 1, block_panels_ = 1, filter_blocks_ = 1;
};

template <typename T>
void lower_separable(Lowering& l) {
  std::vector<TensorSpec> specs;
  for (size_t i = 0; i < l.count(); ++i) specs.push_back(l.spec(l.x(i)));
  const OpContext context{l.def(), l.attrs(), specs};
  const Separable s = make_separable(context);
  const size_t kernel = pointwise_kernel(context);
  const int64_t batch = s.depthwise.batch, macs = s.macs();
  const bool split = l.few_rows(batch, macs);
  const auto engine = std::make_shared<const SeparableEngine<T>>(
      &kernels<T>(), s, l.inner_epilogue(), l.pitch(l.y()), split ? task_count(batch, macs) : 1);
  const TensorId b = engine->plain()
                         ? l.x(kernel)
                         : lower_pack(l, l.x(kernel), s.depthwise.c, s.filters, s.filters, 1);
  std::vector<Operand> operands = {split ? read_whole(l.x(0)) : read(l.x(0)), read_whole(l.x(1)),
                                   read_whole(b), split ? write_whole(l.y()) : write(l.y())};
  const auto add = [&](bool there, size_t i) {
    if (there) operands.push_back(read_whole(l.x(i)));
    return there ? static_cast<int>(operands.size()) - 1 : -1;
  };
  const int inner_bias = add(kernel == 3, 2), bias = add(l.count() > kernel + 1, kernel + 1);
  const int residual = add_residual(l, operands, split);
  const RowEpilogue<T> epilogue(l.epilogue(), EpilogueIn::kSumAndBounds);
  const int64_t in_size = s.depthwise.in_size(), out_size = s.pixels() * l.pitch(l.y());
  const int64_t blocks = engine->blocks();
  const auto run = [=](const Call& c, int64_t image, int64_t begin, int64_t end, int64_t previous) {
    engine->run(
        {c.at<T>(0) + image * in_size, c.at<T>(1), inner_bias < 0 ? nullptr : c.at<T>(inner_bias),
         c.at<T>(2), bias < 0 ? nullptr : c.at<T>(bias), c.at<T>(3) + image * out_size},
        epilogue.of(c, 3, residual), begin, end, previous, reinterpret_cast<T*>(c.workspace));
  };
  const char* name = l.def().name.c_str();
  Step* step;
  if (split) {
    step = &l.tasks(name, batch * blocks, std::move(operands), macs, [=](const Call& c) {
      const int64_t image = c.begin / blocks, block = c.begin % blocks;
      run(c, image, block, block + 1,
          c.previous >= 0 && c.previous / blocks == image ? c.previous % blocks : -1);
    });
  } else {
    step = &l.rows(name, batch, std::move(operands), macs, [=](const Call& c) {
      for (int64_t i = 0; i < c.count(); ++i) run(c, i, 0, blocks, -1);
    });
  }
  step->workspace = engine->workspace_bytes();
  sum_in_place(l, *step, residual, 3);
}

void lower(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) { lower_separable<typename decltype(tag)::type>(l); });
}

std::vector<TensorSpec> infer(const OpContext& c) {
  const Separable s = make_separable(c);
  return {
      {{s.depthwise.batch, s.depthwise.h.out, s.depthwise.w.out, s.filters}, c.inputs[0].dtype}};
}

int64_t work(const OpContext& c) { return make_separable(c).macs(); }

bool replaces(const OpContext& first, const OpContext& second) {
  const Shape &x = second.shape(0), &kernel = second.shape(1);
  const Ints strides = pair_attr(second, "strides", {1, 1});
  const Ints pads = second.attrs.ints("pads", {0, 0, 0, 0});
  if (kernel[0] != 1 || kernel[1] != 1 || kernel[2] != x[3] || strides[0] != 1 || strides[1] != 1 ||
      std::any_of(pads.begin(), pads.end(), [](int64_t n) { return n != 0; }))
    return false;
  const Depthwise d = make_depthwise(first, first.shape(0), first.shape(1));
  if (d.macs() == 0 || kernel[3] == 0) return false;
  // Rows of strided ones do not share what they read, and are no faster in blocks.
  if (d.h.stride > 1 || d.w.stride > 1) return false;
  // One small image can be shared by its filters alone, and every thread computes all its depthwise
  // rows. That pays where the product would otherwise copy them, because they are 4 KiB apart.
  const auto pixel_bytes = d.c * static_cast<int64_t>(dtype_size(first.inputs[0].dtype));
  return d.batch > 1 || d.h.out * d.w.out >= 2 * kLeastPixels || pixel_bytes % 4096 == 0;
}

bool register_all() {
  OpDef def;
  def.name = "separable_conv2d";
  def.min_inputs = 3;
  def.max_inputs = 5;
  def.attrs = {"strides", "dilation", "padding"};
  def.infer = infer;
  def.lower = lower;
  def.work = work;
  def.pitched_output = true;
  def.replaces = replaces;
  def.internal = true;
  return register_op(def);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
