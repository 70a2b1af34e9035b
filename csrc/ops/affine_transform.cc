// Projective transform of images: where each pixel of the result lies in the image is given by
// eight numbers an image, as in Keras's ops.image.affine_transform (TensorFlow's
// ImageProjectiveTransformV3). Differentiable with respect to the images.
#include <algorithm>
#include <cmath>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {
namespace {

const std::vector<std::string> kAttrs = {"interpolation", "fill_mode", "fill_value"};

enum class Fill { kConstant, kNearest, kReflect, kWrap };

Fill fill_mode(const Attrs& attrs) {
  const std::string name = attrs.text("fill_mode", "constant");
  if (name == "nearest") return Fill::kNearest;
  if (name == "reflect") return Fill::kReflect;
  return name == "wrap" ? Fill::kWrap : Fill::kConstant;
}

// A coordinate outside [0, size - 1] brought inside, but for kConstant.
template <typename T>
T inside(T at, int64_t size, Fill fill) {
  const auto n = static_cast<T>(size);
  if (fill == Fill::kConstant || (at >= 0 && at <= n - 1)) return at;
  if (size <= 1 || !std::isfinite(at)) return 0;
  if (fill == Fill::kReflect) {  // d c b a | a b c d | d c b a
    at = std::fmod(at < 0 ? -at - 1 : at, 2 * n);
    if (at < 0) at = 0;
    if (at > n - 1) at = 2 * n - 1 - at;
  } else if (fill == Fill::kWrap) {  // a b c d | a b c d | a b c d
    // TensorFlow's periods: n apart, but counted in steps of n - 1.
    if (at < 0)
      at += n * (std::floor(-at / (n - 1)) + 1);
    else
      at -= n * std::floor(at / (n - 1));
  }
  return std::clamp<T>(at, 0, n - 1);
}

// The pixels that one pixel of the result is made of; pixel -1 is the fill value.
template <typename T>
struct Taps {
  int64_t pixel[4];
  T weight[4];
  int count;
};

template <typename T>
struct Sampler {
  int64_t height, width, channels;
  bool nearest;
  Fill fill;
  T fill_value;

  int64_t pixel(T y, T x) const {
    const bool exists = y >= 0 && x >= 0 && y < static_cast<T>(height) && x < static_cast<T>(width);
    return exists ? static_cast<int64_t>(y) * width + static_cast<int64_t>(x) : -1;
  }

  Taps<T> at(const T* t, int64_t row, int64_t column) const {
    const T r = static_cast<T>(row), c = static_cast<T>(column);
    const T k = t[6] * c + t[7] * r + 1;
    if (k == 0) return {{-1}, {1}, 1};
    const T x = inside((t[0] * c + t[1] * r + t[2]) / k, width, fill);
    const T y = inside((t[3] * c + t[4] * r + t[5]) / k, height, fill);
    if (nearest) return {{pixel(std::round(y), std::round(x))}, {1}, 1};
    const T left = std::floor(x), top = std::floor(y);
    const T right = left + 1, bottom = top + 1;
    return {{pixel(top, left), pixel(top, right), pixel(bottom, left), pixel(bottom, right)},
            {(bottom - y) * (right - x), (bottom - y) * (x - left), (y - top) * (right - x),
             (y - top) * (x - left)},
            4};
  }

  // Row `row` of the result for one image.
  void forward(const T* image, const T* t, T* out, int64_t row) const {
    for (int64_t column = 0; column < width; ++column) {
      const Taps<T> taps = at(t, row, column);
      T* to = out + (row * width + column) * channels;
      for (int i = 0; i < taps.count; ++i) {
        const T weight = taps.weight[i];
        const T* from = image + taps.pixel[i] * channels;
        for (int64_t c = 0; c < channels; ++c) {
          const T value = weight * (taps.pixel[i] < 0 ? fill_value : from[c]);
          to[c] = i == 0 ? value : to[c] + value;
        }
      }
    }
  }

  // The gradient of one image, all of it.
  void backward(const T* dy, const T* t, T* dx) const {
    std::fill_n(dx, height * width * channels, T(0));
    for (int64_t p = 0; p < height * width; ++p) {
      const Taps<T> taps = at(t, p / width, p % width);
      for (int i = 0; i < taps.count; ++i)
        for (int64_t c = 0; taps.pixel[i] >= 0 && c < channels; ++c)
          dx[taps.pixel[i] * channels + c] += taps.weight[i] * dy[p * channels + c];
    }
  }
};

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32 && c.inputs[0].dtype == c.inputs[1].dtype,
            "needs float tensors of one dtype.");
  c.require(c.rank(0) == 4, "needs images (N, H, W, C).");
  c.require(c.shape(1) == Shape{c.shape(0)[0], 8}, "needs transforms (N, 8).");
  const std::string interpolation = c.attrs.text("interpolation", "bilinear");
  const std::string fill = c.attrs.text("fill_mode", "constant");
  c.attrs.number("fill_value", 0);
  c.require(interpolation == "bilinear" || interpolation == "nearest",
            "interpolation must be bilinear or nearest.");
  c.require(fill == "constant" || fill == "nearest" || fill == "reflect" || fill == "wrap",
            "fill_mode must be constant, nearest, reflect or wrap.");
  return {c.inputs[0]};
}

int64_t work(const OpContext& c) { return 8 * element_count(c.shape(0)); }

template <typename T>
Sampler<T> sampler_of(Lowering& l) {
  const Shape shape = l.y_shape();
  return {shape[1],
          shape[2],
          shape[3],
          l.attrs().text("interpolation", "bilinear") == "nearest",
          fill_mode(l.attrs()),
          static_cast<T>(l.attrs().number("fill_value", 0))};
}

void lower(Lowering& l) {
  const Shape shape = l.y_shape();
  const int64_t size = row_size(shape), height = shape[1], work = 8 * element_count(shape);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Sampler<T> sampler = sampler_of<T>(l);
    const auto row = [=](const Call& c, int64_t image, int64_t r) {
      sampler.forward(c.at<T>(0) + image * size, c.at<T>(1) + image * 8, c.at<T>(2) + image * size,
                      r);
    };
    if (l.few_rows(shape[0], work)) {
      l.tasks("affine_transform", shape[0] * height,
              {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(l.y())}, work,
              [=](const Call& c) {
                for (int64_t t = c.begin; t < c.end; ++t) row(c, t / height, t % height);
              });
      return;
    }
    l.rows("affine_transform", shape[0], {read(l.x(0)), read(l.x(1)), write(l.y())}, work,
           [=](const Call& c) {
             for (int64_t i = 0; i < c.count(); ++i)
               for (int64_t r = 0; r < height; ++r) row(c, i, r);
           });
  });
}

void gradient(GradientContext& g) {
  check(!g.needs(1), "[affine_transform] has no gradient with respect to its transforms.");
  g.set(0, g.op("affine_transform_grad", {g.dy(), g.x(1), g.x(0)}, g.attrs()));
}

// Inputs dy, transforms and the images, the last for their shape.
std::vector<TensorSpec> infer_grad(const OpContext& c) { return {c.inputs[2]}; }

void lower_grad(Lowering& l) {
  const Shape shape = l.y_shape();
  const int64_t size = row_size(shape);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Sampler<T> sampler = sampler_of<T>(l);
    l.rows("affine_transform_grad", shape[0], {read(l.x(0)), read(l.x(1)), write(l.y())},
           8 * element_count(shape), [=](const Call& c) {
             for (int64_t i = 0; i < c.count(); ++i)
               sampler.backward(c.at<T>(0) + i * size, c.at<T>(1) + i * 8, c.at<T>(2) + i * size);
           });
  });
}

bool register_all() {
  OpDef def;
  def.name = "affine_transform";
  def.min_inputs = def.max_inputs = 2;
  def.attrs = kAttrs;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.work = work;
  register_op(def);

  OpDef grad;
  grad.name = "affine_transform_grad";
  grad.min_inputs = grad.max_inputs = 3;
  grad.attrs = kAttrs;
  grad.infer = infer_grad;
  grad.lower = lower_grad;
  grad.shape_only_from = 2;
  grad.shape_only_to = 3;
  grad.internal = true;
  return register_op(grad);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
