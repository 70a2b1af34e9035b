#include "ops/conv_pointwise.h"

#include <algorithm>

#include "common/dispatch_dtype.h"
#include "ops/dense.h"

namespace pyframe {
namespace {

bool is_strided(const Conv2D& conv) { return conv.h.stride > 1 || conv.w.stride > 1; }

// Calls f(pixel of the image, picked pixel) for every pixel that the strides pick.
template <typename F>
void each_picked(const Window& h, const Window& w, F f) {
  for (int64_t q = 0; q < h.out; ++q)
    for (int64_t p = 0; p < w.out; ++p) f(q * h.stride * w.in + p * w.stride, q * w.out + p);
}

// Adds the step that copies the picked pixels of x and returns them as (batch, h.out, w.out, c).
TensorId lower_pick(Lowering& l, TensorId x, const Conv2D& conv) {
  const TensorId y = l.temp({{conv.batch, conv.h.out, conv.w.out, conv.in_c}, l.dtype()});
  const int64_t c = conv.in_c, pixel = conv.in_pitch, in = conv.h.in * conv.w.in * pixel;
  const int64_t out = conv.h.out * conv.w.out * c;
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    l.rows("pick", conv.batch, {read(x), write(y)}, conv.batch * out,
           [=, h = conv.h, w = conv.w](const Call& call) {
             for (int64_t i = 0; i < call.count(); ++i)
               each_picked(h, w, [&](int64_t from, int64_t to) {
                 std::copy_n(call.at<T>(0) + i * in + from * pixel, c,
                             call.at<T>(1) + i * out + to * c);
               });
           });
  });
  return y;
}

// Adds the step that writes y into the picked pixels of dx, and zero into all others.
void lower_spread(Lowering& l, TensorId y, TensorId dx, const Conv2D& conv) {
  const int64_t c = conv.in_c, pixel = conv.in_pitch, pixels = conv.h.in * conv.w.in;
  const int64_t out = conv.h.out * conv.w.out * c;
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    l.rows("spread", conv.batch, {read(y), write(dx)}, conv.batch * pixels * c,
           [=, h = conv.h, w = conv.w](const Call& call) {
             for (int64_t p = 0; p < call.count() * pixels; ++p)
               std::fill_n(call.at<T>(1) + p * pixel, c, T(0));
             for (int64_t i = 0; i < call.count(); ++i)
               each_picked(h, w, [&](int64_t to, int64_t from) {
                 std::copy_n(call.at<T>(0) + i * out + from * c, c,
                             call.at<T>(1) + (i * pixels + to) * pixel);
               });
           });
  });
}

}  // namespace

bool is_pointwise(const Conv2D& conv) {
  return conv.h.kernel == 1 && conv.w.kernel == 1 && conv.groups == 1;
}

bool is_one_product(const Lowering& l, const Conv2D& conv) {
  const bool sums = l.epilogue() != nullptr && l.epilogue()->residual != kNoTensor;
  return is_pointwise(conv) && !sums && !l.few_rows(conv.batch, conv.macs()) &&
         streams_weights(l, {conv.batch, conv.h.out * conv.w.out, conv.in_c, conv.out_c});
}

void lower_pointwise(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv) {
  lower_dense_product(l, is_strided(conv) ? lower_pick(l, x, conv) : x, w, bias, l.y(),
                      {conv.batch, conv.h.out * conv.w.out, conv.in_c, conv.out_c});
}

void lower_pointwise_grad_input(Lowering& l, TensorId dy, TensorId w, const Conv2D& conv) {
  const bool strided = is_strided(conv);
  const TensorId dx =
      strided ? l.temp({{conv.batch, conv.h.out, conv.w.out, conv.in_c}, l.dtype()}) : l.y();
  lower_dense_grad_input(l, dy, w, dx,
                         {conv.batch, conv.h.out * conv.w.out, conv.out_c, conv.in_c});
  if (strided) lower_spread(l, dx, l.y(), conv);
}

void lower_pointwise_grad_kernel(Lowering& l, TensorId x, TensorId dy, const Conv2D& conv) {
  lower_dense_grad_kernel(l, is_strided(conv) ? lower_pick(l, x, conv) : x, dy, l.y(),
                          {conv.batch, conv.h.out * conv.w.out, conv.in_c, conv.out_c});
}

}  // namespace pyframe
