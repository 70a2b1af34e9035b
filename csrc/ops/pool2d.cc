// Maximum and average pooling over NHWC.
#include "common/dispatch_dtype.h"
#include "ir/lowering.h"
#include "ops/window.h"

namespace pyframe {
namespace {

enum PoolOp { kMax, kAverage };

const std::vector<std::string> kAttrs = {"pool_size", "strides", "padding"};

PoolShape make_pool(const OpContext& c, const Shape& x) {
  const Ints size = pair_attr(c, "pool_size", {2, 2});
  const Ints strides = pair_attr(c, "strides", size);
  const std::string padding = c.attrs.text("padding", "valid");
  const Window h = make_window(c, x[1], size[0], strides[0], 1, padding);
  const Window w = make_window(c, x[2], size[1], strides[1], 1, padding);
  c.require(c.def.id != kMax || (size[0] <= 256 && size[0] * size[1] <= 256),
            "windows of more than 256 cells are not supported.");
  return {x[0],     x[1],     x[2],     x[3],  h.out, w.out, h.kernel,
          w.kernel, h.stride, w.stride, h.pad, w.pad, x[3],  x[3]};
}

// The result and, for the maximum, the winning cells: one byte an element, four to an int32.
std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  c.require(c.rank(0) == 4, "needs x (N, H, W, C).");
  const PoolShape s = make_pool(c, c.shape(0));
  std::vector<TensorSpec> specs = {{{s.n, s.oh, s.ow, s.c}, c.inputs[0].dtype}};
  if (c.def.id == kMax) specs.push_back({{s.n, ceil_div(s.oh * s.ow * s.c, 4)}, DType::kI32});
  return specs;
}

PoolShape pool_of(Lowering& l, TensorId x, TensorId y) {
  const std::vector<TensorSpec> specs = {l.spec(x)};
  PoolShape s = make_pool({l.def(), l.attrs(), specs}, specs[0].shape);
  s.x_pixel = l.pitch(x);
  s.y_pixel = l.pitch(y);
  return s;
}

int64_t cells(const PoolShape& s) { return s.n * s.oh * s.ow * s.c * s.kh * s.kw; }

int64_t work(const OpContext& c) { return cells(make_pool(c, c.shape(0))); }

template <typename T>
void lower_of(Lowering& l) {
  const KernelTable<T>* k = &kernels<T>();
  const PoolShape s = pool_of(l, l.x(0), l.y());
  const bool max = l.def().id == kMax;
  const bool keep_index = max && l.is_read(l.y(1));
  if (!keep_index && l.few_rows(s.n, cells(s))) {
    // Few images: output rows are the pieces. The window geometry moves with the row.
    const int64_t x_row = s.w * s.x_pixel, y_row = s.ow * s.y_pixel;
    l.tasks(l.def().name.c_str(), s.n * s.oh, {read_whole(l.x(0)), write_whole(l.y())}, cells(s),
            [=](const Call& c) {
              for (int64_t t = c.begin; t < c.end; ++t) {
                const int64_t image = t / s.oh, top = t % s.oh * s.sh - s.pt;
                const int64_t first = std::max<int64_t>(0, top);
                PoolShape row = s;
                row.n = row.oh = 1;
                row.h = s.h - first;
                row.pt = first - top;
                const T* x = c.at<T>(0) + (image * s.h + first) * x_row;
                T* y = c.at<T>(1) + t * y_row;
                if (max)
                  k->max_pool(row, x, y, nullptr);
                else
                  k->average_pool(row, x, y);
              }
            });
    return;
  }
  std::vector<Operand> operands = {read(l.x(0)), write(l.y())};
  if (keep_index) operands.push_back(write(l.y(1)));
  l.rows(l.def().name.c_str(), s.n, std::move(operands), cells(s), [=](const Call& c) {
    PoolShape part = s;
    part.n = keep_index ? 1 : c.count();
    if (!max) return k->average_pool(part, c.at<T>(0), c.at<T>(1));
    if (!keep_index) return k->max_pool(part, c.at<T>(0), c.at<T>(1), nullptr);
    // Image by image: an image's index bytes are padded to whole int32.
    const int64_t y_size = s.oh * s.ow * s.c, stride = ceil_div(y_size, 4) * 4;
    for (int64_t i = 0; i < c.count(); ++i)
      k->max_pool(part, c.at<T>(0) + i * s.h * s.w * s.x_pixel,
                  c.at<T>(1) + i * s.oh * s.ow * s.y_pixel, c.at<uint8_t>(2) + i * stride);
  });
}

void lower(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) { lower_of<typename decltype(tag)::type>(l); });
}

void gradient(GradientContext& g) {
  if (g.name() == "max_pool2d")
    g.set(0, g.op("max_pool2d_grad", {g.dy(), g.y(1), g.x(0)}, g.attrs()));
  else
    g.set(0, g.op("average_pool2d_grad", {g.dy(), g.x(0)}, g.attrs()));
}

// The last input, x, gives the shape.
std::vector<TensorSpec> infer_grad(const OpContext& c) { return {c.inputs.back()}; }

int64_t work_grad(const OpContext& c) { return cells(make_pool(c, c.inputs.back().shape)); }

void lower_grad(Lowering& l) {
  const PoolShape s = pool_of(l, l.y(), l.x(0));
  const bool max = l.def().id == kMax;
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    std::vector<Operand> operands = {read(l.x(0)), write(l.y())};
    if (max) operands.push_back(read(l.x(1)));
    l.rows(l.def().name.c_str(), s.n, std::move(operands), cells(s), [=](const Call& c) {
      PoolShape part = s;
      part.n = max ? 1 : c.count();
      if (!max) return k->average_pool_grad(part, c.at<T>(0), c.at<T>(1));
      const int64_t y_size = s.oh * s.ow * s.c, stride = ceil_div(y_size, 4) * 4;
      for (int64_t i = 0; i < c.count(); ++i)
        k->max_pool_grad(part, c.at<T>(0) + i * s.oh * s.ow * s.y_pixel,
                         c.at<uint8_t>(2) + i * stride, c.at<T>(1) + i * s.h * s.w * s.c);
    });
  });
}

bool register_all() {
  for (int op : {kMax, kAverage}) {
    OpDef def;
    def.name = op == kMax ? "max_pool2d" : "average_pool2d";
    def.attrs = kAttrs;
    def.infer = infer;
    def.lower = lower;
    def.gradient = gradient;
    def.work = work;
    def.id = op;
    def.recomputable = op == kAverage;
    def.pools_maxima = op == kMax;
    def.pitched_inputs = 1;
    def.pitched_output = true;
    register_op(def);
    def.recomputable = def.pools_maxima = false;
    def.name += "_grad";
    def.min_inputs = def.max_inputs = op == kMax ? 3 : 2;
    def.shape_only_from = op == kMax ? 2 : 1;
    def.shape_only_to = def.shape_only_from + 1;
    def.internal = true;
    def.pitched_output = false;
    def.infer = infer_grad;
    def.lower = lower_grad;
    def.gradient = nullptr;
    def.work = work_grad;
    register_op(def);
  }
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
