// Image resize over NHWC. Every method is a table of weights for each axis, and the gradient is
// the transposed table. The tables are those of TensorFlow's resize with half-pixel centres, which
// Keras uses; samples outside the image do not exist and the weights of the others add up to 1.
#include <cmath>
#include <memory>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {
namespace {

// Far beyond any image; keeps the arithmetic from overflowing.
constexpr int64_t kLargest = 1 << 20;

// Output o is the sum of weight[t] * input index[t] for t in [first[o], first[o + 1]).
struct Table {
  std::vector<int64_t> first = {0};
  std::vector<int64_t> index;
  std::vector<double> weight;

  int64_t taps() const { return static_cast<int64_t>(index.size()); }
};

struct Filter {
  const char* name;
  double radius;
  double (*value)(double);  // of the distance in source pixels
};

double triangle(double x) { return std::max(0.0, 1 - x); }

// Keys 1981 with a = -1/2.
double cubic(double x) {
  if (x >= 2) return 0;
  return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
}

double lanczos(double x, double radius) {
  constexpr double kPi = 3.14159265358979323846;
  if (x >= radius) return 0;
  if (x < 1e-3) return 1;
  return radius * std::sin(kPi * x) * std::sin(kPi * x / radius) / (kPi * kPi * x * x);
}
double lanczos3(double x) { return lanczos(x, 3); }
double lanczos5(double x) { return lanczos(x, 5); }

constexpr Filter kFilters[] = {{"bilinear", 1, triangle},
                               {"bicubic", 2, cubic},
                               {"lanczos3", 3, lanczos3},
                               {"lanczos5", 5, lanczos5}};

Table nearest_table(int64_t in, int64_t out) {
  Table table;
  const float step = static_cast<float>(in) / static_cast<float>(out);
  for (int64_t o = 0; o < out; ++o) {
    const auto i = static_cast<int64_t>(std::floor((static_cast<float>(o) + 0.5F) * step));
    table.index.push_back(std::min(i, in - 1));
    table.weight.push_back(1);
    table.first.push_back(table.taps());
  }
  return table;
}

Table filter_table(const Filter& filter, int64_t in, int64_t out, bool antialias) {
  Table table;
  const double step = static_cast<double>(in) / static_cast<double>(out);
  const double wide = antialias ? std::max(1.0, step) : 1;
  // Without antialias TensorFlow looks its cubic weights up in a table of 1024 steps a pixel.
  const bool rounded = filter.value == cubic && !antialias;
  for (int64_t o = 0; o < out; ++o) {
    double centre = (static_cast<double>(o) + 0.5) * step - 0.5;
    if (rounded) centre = std::nearbyint(centre * 1024) / 1024;
    const auto begin = static_cast<int64_t>(std::ceil(centre - filter.radius * wide));
    const auto end = static_cast<int64_t>(std::floor(centre + filter.radius * wide));
    double total = 0;
    const size_t from = table.weight.size();
    for (int64_t i = std::max<int64_t>(0, begin); i <= std::min(end, in - 1); ++i) {
      const double weight = filter.value(std::abs(static_cast<double>(i) - centre) / wide);
      if (weight == 0) continue;
      table.index.push_back(i);
      table.weight.push_back(weight);
      total += weight;
    }
    for (size_t t = from; t < table.weight.size(); ++t) table.weight[t] /= total;
    table.first.push_back(table.taps());
  }
  return table;
}

Table transposed(const Table& table, int64_t in) {
  std::vector<std::vector<std::pair<int64_t, double>>> rows(static_cast<size_t>(in));
  for (size_t o = 0; o + 1 < table.first.size(); ++o)
    for (int64_t t = table.first[o]; t < table.first[o + 1]; ++t) {
      const auto tap = static_cast<size_t>(t);
      rows[static_cast<size_t>(table.index[tap])].emplace_back(o, table.weight[tap]);
    }
  Table result;
  for (const auto& row : rows) {
    for (const auto& [index, weight] : row) {
      result.index.push_back(index);
      result.weight.push_back(weight);
    }
    result.first.push_back(result.taps());
  }
  return result;
}

Table make_table(const Attrs& attrs, int64_t in, int64_t out) {
  const std::string method = attrs.text("method", "bilinear");
  for (const Filter& filter : kFilters)
    if (method == filter.name) return filter_table(filter, in, out, attrs.flag("antialias", false));
  return nearest_table(in, out);
}

const std::vector<std::string> kAttrs = {"size", "scale", "method", "antialias"};

// `size` is the new height and width, `scale` multiplies the old ones.
std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  c.require(c.rank(0) == 4, "needs x (N, H, W, C).");
  c.attrs.flag("antialias", false);
  const std::string method = c.attrs.text("method", "bilinear");
  bool known = method == "nearest";
  for (const Filter& filter : kFilters) known = known || method == filter.name;
  c.require(known, "method must be nearest, bilinear, bicubic, lanczos3 or lanczos5.");
  const bool scaled = c.attrs.has("scale");
  c.require(scaled != c.attrs.has("size"), "needs either size or scale.");
  const Ints values = c.attrs.ints(scaled ? "scale" : "size", {});
  c.require(values.size() == 2 && std::min(values[0], values[1]) >= 1 &&
                std::max(values[0], values[1]) <= kLargest,
            scaled ? "scale" : "size", " must be two positive integers.");
  TensorSpec out = c.inputs[0];
  for (size_t d : {size_t{1}, size_t{2}}) {
    c.require(out.shape[d] >= 1, "the image has no pixels.");
    out.shape[d] = scaled ? out.shape[d] * values[d - 1] : values[d - 1];
  }
  return {out};
}

template <typename T>
struct Resampler {
  int64_t in_h, in_w, out_h, out_w, channels;
  Table h, w;
  std::vector<T> h_weight, w_weight;

  Resampler(Table rows, Table columns, const Shape& in, const Shape& out)
      : in_h(in[1]),
        in_w(in[2]),
        out_h(out[1]),
        out_w(out[2]),
        channels(in[3]),
        h(std::move(rows)),
        w(std::move(columns)),
        h_weight(h.weight.begin(), h.weight.end()),
        w_weight(w.weight.begin(), w.weight.end()) {}

  // Computes row o of one output image; buffer holds one row of the input image.
  void row(const KernelTable<T>& kernel, const T* x, T* y, int64_t o, T* buffer) const {
    const auto begin = static_cast<size_t>(h.first[static_cast<size_t>(o)]);
    const T* source = buffer;
    if (h.first[static_cast<size_t>(o) + 1] == static_cast<int64_t>(begin) + 1 &&
        h_weight[begin] == 1)
      source = x + h.index[begin] * in_w * channels;
    else
      kernel.resample(x, buffer, 1, in_w * channels, h.first.data() + o, h.index.data(),
                      h_weight.data());
    kernel.resample(source, y + o * out_w * channels, out_w, channels, w.first.data(),
                    w.index.data(), w_weight.data());
  }
};

template <typename T>
void lower_of(Lowering& l, Table rows, Table columns) {
  const Shape in = l.x_shape(0), out = l.y_shape();
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t work = out[0] * out[1] * out[3] * (in[2] + 2 * out[2]);
  const auto r = std::make_shared<const Resampler<T>>(std::move(rows), std::move(columns), in, out);
  const int64_t x_size = row_size(in), y_size = row_size(out);
  const auto row = [=](const Call& c, int64_t image, int64_t o) {
    r->row(*kernel, c.at<T>(0) + image * x_size, c.at<T>(1) + image * y_size, o,
           reinterpret_cast<T*>(c.workspace));
  };
  const char* name = l.def().name.c_str();
  const int64_t height = out[1];
  Step& step = l.few_rows(out[0], work)
                   ? l.tasks(name, out[0] * height, {read_whole(l.x(0)), write_whole(l.y())}, work,
                             [=](const Call& c) {
                               for (int64_t t = c.begin; t < c.end; ++t)
                                 row(c, t / height, t % height);
                             })
                   : l.rows(name, out[0], {read(l.x(0)), write(l.y())}, work, [=](const Call& c) {
                       for (int64_t i = 0; i < c.count(); ++i)
                         for (int64_t o = 0; o < height; ++o) row(c, i, o);
                     });
  step.workspace = static_cast<size_t>(in[2] * in[3]) * sizeof(T);
}

void lower(Lowering& l) {
  const Shape in = l.x_shape(0), out = l.y_shape();
  if (in == out) return l.alias(l.y(), l.x(0));
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_of<typename decltype(tag)::type>(l, make_table(l.attrs(), in[1], out[1]),
                                           make_table(l.attrs(), in[2], out[2]));
  });
}

void gradient(GradientContext& g) { g.set(0, g.op("resize_grad", {g.dy(), g.x(0)}, g.attrs())); }

// Inputs dy and x, the latter for its shape.
std::vector<TensorSpec> infer_grad(const OpContext& c) { return {c.inputs[1]}; }

void lower_grad(Lowering& l) {
  const Shape big = l.x_shape(0), small = l.y_shape();
  if (big == small) return l.alias(l.y(), l.x(0));
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_of<typename decltype(tag)::type>(
        l, transposed(make_table(l.attrs(), small[1], big[1]), small[1]),
        transposed(make_table(l.attrs(), small[2], big[2]), small[2]));
  });
}

bool register_all() {
  OpDef def;
  def.name = "resize";
  def.attrs = kAttrs;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  register_op(def);

  OpDef grad;
  grad.name = "resize_grad";
  grad.min_inputs = grad.max_inputs = 2;
  grad.attrs = kAttrs;
  grad.infer = infer_grad;
  grad.lower = lower_grad;
  grad.shape_only_from = 1;
  grad.shape_only_to = 2;
  grad.internal = true;
  return register_op(grad);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
