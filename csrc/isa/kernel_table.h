// The run-time table of compute kernels: one instance per instruction-set level.
//
// Every kernel works on plain pointers, never allocates, throws, prints or
// touches threads, and is compiled once per ISA from csrc/kernels/*.inl.h.
// Adding a kernel is one member here, one function in csrc/kernels and one line
// in kernel_list.h.
//
// Reading past the end: operands documented "over-readable" may be read (never
// written) up to one vector past the last element. The engine guarantees that
// for its arena and for variables; foreign memory is always packed first.
#pragma once

#include <cstdint>

namespace pyframe {

// Elementwise functions y = f(x). The second column says which operand the
// derivative is computed from: the input x or the output y (an operator whose
// derivative needs only y may be fused into its producer and run in place).
#define PF_UNARY_LIST(X)                                 \
  X(relu, y)                                             \
  X(relu6, y)      /* min(max(x, 0), 6) */               \
  X(leaky_relu, y) /* attrs[0] = negative slope >= 0 */  \
  X(elu, y)        /* attrs[0] = alpha > 0 */            \
  X(selu, y)                                             \
  X(sigmoid, y)                                          \
  X(tanh, y)                                             \
  X(softplus, x)                                         \
  X(softsign, y)                                         \
  X(gelu, x)      /* exact: x/2 (1 + erf(x / sqrt 2)) */ \
  X(gelu_tanh, x) /* the tanh approximation */           \
  X(silu, x)                                             \
  X(hard_sigmoid, y)        /* clip(x/6 + 1/2, 0, 1) */  \
  X(hard_sigmoid_keras2, y) /* clip(x/5 + 1/2, 0, 1) */  \
  X(exp, y)                                              \
  X(log, x)                                              \
  X(sqrt, y)                                             \
  X(rsqrt, y)                                            \
  X(erf, x)                                              \
  X(negative, x)                                         \
  X(absolute, x)                                         \
  X(square, x)                                           \
  X(sign, x) /* derivative 0 */                          \
  X(clip, x) /* attrs[0] = low, attrs[1] = high; derivative 1 inside */

#define PF_BINARY_LIST(X) \
  X(add)                  \
  X(subtract)             \
  X(multiply)             \
  X(divide)               \
  X(maximum)              \
  X(minimum)

#define PF_ENUM_UNARY(name, operand) k_##name,
#define PF_ENUM_BINARY(name) k_##name,
enum class Unary : int { PF_UNARY_LIST(PF_ENUM_UNARY) kCount };
enum class Binary : int { PF_BINARY_LIST(PF_ENUM_BINARY) kCount };
#undef PF_ENUM_UNARY
#undef PF_ENUM_BINARY

// C[i, j] (+)= sum_{s < nseg} sum_{k < klen} A(i, s, k) * B(s, k, j) for i < m, j < n:
//   A(i, s, k) = a[i * a_rs + a_seg[s] + k * a_cs]           (elements are broadcast)
//   B(s, k, j) = b[(j / nr) * b_panel + b_seg[s] + k * b_ks + j % nr]
// with nr the table's tile width. Packed B (pack_b): b_panel = K * nr, b_ks = nr.
// Unpacked row-major B: b_panel = nr, b_ks = row stride; b over-readable.
// nseg = 1 with a_seg[0] = b_seg[0] = 0 is the plain product; a convolution is one
// segment per kernel row (or tap), its weight gradient one per output row.
// Epilogue, in this order: + C (if accumulate), + bias[j] (if not null; over-readable), + residual
// (if not null; it lies as C does), max(0, .) (if relu), min(high, .). Exactly m x n elements of C
// are written; without accumulate C is not read. klen, nseg >= 0 (an empty sum is 0). C does not
// alias A or B; the residual may be C itself.
template <typename T>
struct GemmArgs {
  int64_t m, n;
  int64_t nseg, klen;
  const T* a;
  int64_t a_rs, a_cs;
  const int64_t* a_seg;
  const T* b;
  int64_t b_panel, b_ks;
  const int64_t* b_seg;
  T* c;
  int64_t ldc;
  bool accumulate;
  const T* bias;
  bool relu;
  const T* residual = nullptr;
  T high = static_cast<T>(__builtin_inf());
  // The packed B that the caller multiplies with next (null: nothing), to be fetched meanwhile.
  const T* b_next = nullptr;
};

// Pooling over NHWC for n images. Windows may reach outside the image: those cells
// do not exist (max ignores them, average divides by the number of real cells).
// pt, pl: cells of padding above and left of the image.
struct PoolShape {
  int64_t n, h, w, c;
  int64_t oh, ow;
  int64_t kh, kw, sh, sw;
  int64_t pt, pl;
  // Elements between pixels of x and y; with more than c of them, rows end where c channels do.
  int64_t x_pixel, y_pixel;
};

// Depthwise convolution of one NHWC image. Output pixel (q, p) is the sum over taps (i, j) of
//   x[q * sh + top + i * dh, p * sw + left + j * dw] * k[i, j]
// for every channel; cells outside the image are zero. The result's rows and pixels are out_row and
// out_pixel elements apart (a gradient writes every stride-th pixel).
struct DepthwisePass {
  int64_t in_h, in_w, c;
  int64_t out_h, out_w, out_row, out_pixel;
  int64_t kh, kw;
  int64_t sh, sw, dh, dw;
  int64_t top, left;
};

// Cells of a tile that lie inside the image: rows [top, bottom), columns [left, right).
struct TileBox {
  int64_t top, bottom, left, right;
};

// Channels that the kernel `interleave` can take.
constexpr int kPlanarChannels = 8;

// Images with one plane a channel: x(c, r, p) = data[c * plane + r * pitch + p].
template <typename T>
struct Planes {
  const T* data;
  int64_t plane, pitch;
  int64_t rows, columns;
};

// Between tiles of cells x cells and their frequencies; frequency f of channel c is
// v[f * v_pitch + c], for c < channels rounded up to whole vectors.
template <typename T>
struct WinogradTransforms {
  int64_t results;  // of a tile, in one dimension
  // Cells outside the box are zero; x points at the box's first cell, whose rows and pixels are
  // `row` and `pixel` elements apart.
  void (*input)(const T* x, int64_t row, int64_t pixel, const TileBox& box, int64_t channels, T* v,
                int64_t v_pitch);
  // Frequencies (over-readable) to the first rows x columns <= results x results pixels of a tile
  // of y, then + bias (if not null; over-readable) and max(0, .) (if relu).
  void (*output)(const T* m, int64_t m_pitch, int64_t channels, const T* bias, bool relu, T* y,
                 int64_t row, int64_t pixel, int64_t rows, int64_t columns);
  // The same, and of each 2 x 2 pixels (rows and columns are even) the largest, as max_pool finds
  // it; y's rows and pixels are those of the pooled image.
  void (*pooled_output)(const T* m, int64_t m_pitch, int64_t channels, const T* bias, bool relu,
                        T* y, int64_t row, int64_t pixel, int64_t rows, int64_t columns);
  // n kernels of 3 x 3; tap t of kernel i is w[t * w_pitch + i].
  void (*kernel)(const T* w, int64_t w_pitch, int64_t n, T* u, int64_t u_pitch);

  int64_t cells() const { return results + 2; }
  int64_t frequencies() const { return cells() * cells(); }
};

template <typename T>
struct KernelTable {
  int64_t mr, nr;  // largest register tile of gemm: rows and columns
  int64_t lanes;   // elements of a vector

  // -- matrix product
  void (*gemm)(const GemmArgs<T>& args);
  // Packs B(k, j) = b[k * rs + j * cs], k < kk, j < n into panels of nr columns:
  // out[(j / nr) * kk * nr + k * nr + j % nr]; missing columns are zero.
  // out holds kk * round_up(n, nr) elements.
  void (*pack_b)(const T* b, int64_t rs, int64_t cs, int64_t kk, int64_t n, T* out);

  // -- Winograd's transforms (winograd.inl.h)
  WinogradTransforms<T> winograd_2x2, winograd_4x4;
  // The 4 x 4 tiles of dy to 36 frequencies, as filters of the kernel's gradient.
  void (*winograd_gradient)(const T* dy, int64_t row, int64_t pixel, const TileBox& box,
                            int64_t channels, T* v, int64_t v_pitch);
  // The way back from 36 frequencies to 9 taps; added if accumulate.
  void (*winograd_kernel_gradient)(const T* m, int64_t m_pitch, int64_t n, T* dw, int64_t dw_pitch,
                                   bool accumulate);

  // -- elementwise; y may be x, dx may be dy
  void (*unary[static_cast<int>(Unary::kCount)])(const T* x, T* y, int64_t n, const T* attrs);
  // dx = dy * f'(.), xy is x or y as PF_UNARY_LIST says
  void (*unary_grad[static_cast<int>(Unary::kCount)])(const T* dy, const T* xy, T* dx, int64_t n,
                                                      const T* attrs);
  // y[i] = f(a[i * a_inc], b[i * b_inc]), increments 0 or 1; y may be a or b
  void (*binary[static_cast<int>(Binary::kCount)])(const T* a, const T* b, T* y, int64_t n,
                                                   int64_t a_inc, int64_t b_inc);
  void (*fill)(T* y, int64_t n, T value);
  // y = alpha * x + beta * y (beta == 0: y is not read)
  void (*axpby)(T alpha, const T* x, T beta, T* y, int64_t n);

  // -- reductions; the order of additions depends on n alone
  T (*sum)(const T* x, int64_t n);
  T (*sum_square)(const T* x, int64_t n);
  T (*sum_absolute)(const T* x, int64_t n);
  T (*max)(const T* x, int64_t n);  // n >= 1; NaN if any x is NaN
  // out[j] (+)= sum_i x[i * ldx + j], j < cols
  void (*column_sum)(const T* x, int64_t rows, int64_t cols, int64_t ldx, T* out, bool accumulate);

  // y = a + b + bias (if not null), then max(0, .) if relu, for rows x cols elements; the rows of a
  // and of b lie ld apart, those of y ldy
  void (*add_parts)(const T* a, const T* b, int64_t ld, const T* bias, bool relu, int64_t rows,
                    int64_t cols, T* y, int64_t ldy);

  // -- rows of length cols, contiguous; y may be x, dx may be dy
  void (*softmax)(const T* x, T* y, int64_t rows, int64_t cols);
  void (*softmax_grad)(const T* dy, const T* y, T* dx, int64_t rows, int64_t cols);
  void (*log_softmax)(const T* x, T* y, int64_t rows, int64_t cols);
  void (*log_softmax_grad)(const T* dy, const T* y, T* dx, int64_t rows, int64_t cols);
  // loss[i] = -sum_j t[i,j] log_softmax(x)[i,j], probs = softmax(x)
  void (*softmax_xent)(const T* x, const T* t, T* loss, T* probs, int64_t rows, int64_t cols);
  // dx[i,j] = (probs[i,j] * sum_j t[i,j] - t[i,j]) * dloss[i]
  void (*softmax_xent_grad)(const T* probs, const T* t, const T* dloss, T* dx, int64_t rows,
                            int64_t cols);
  // The same with one class id a row; an id outside [0, cols) gives a NaN loss and no gradient.
  void (*sparse_softmax_xent)(const T* x, const int32_t* ids, T* loss, T* probs, int64_t rows,
                              int64_t cols);
  void (*sparse_softmax_xent_grad)(const T* probs, const int32_t* ids, const T* dloss, T* dx,
                                   int64_t rows, int64_t cols);
  // loss[i] = mean_j max(x,0) - x t + log(1 + exp(-|x|)), slope = sigmoid(x) - t; slope may be x or
  // null
  void (*sigmoid_xent)(const T* x, const T* t, T* loss, T* slope, int64_t rows, int64_t cols);
  // dx = slope dloss[i] / cols; dx may be slope
  void (*sigmoid_xent_grad)(const T* slope, const T* dloss, T* dx, int64_t rows, int64_t cols);
  // loss[i] = mean_j (x - t)^2; dx = 2 (x - t) dloss[i] / cols
  void (*squared_error)(const T* x, const T* t, T* loss, int64_t rows, int64_t cols);
  void (*squared_error_grad)(const T* x, const T* t, const T* dloss, T* dx, int64_t rows,
                             int64_t cols);
  // loss[i] = mean_j |x - t|; dx = sign(x - t) dloss[i] / cols
  void (*absolute_error)(const T* x, const T* t, T* loss, int64_t rows, int64_t cols);
  void (*absolute_error_grad)(const T* x, const T* t, const T* dloss, T* dx, int64_t rows,
                              int64_t cols);
  // index of the first largest element of each row
  void (*argmax)(const T* x, int32_t* out, int64_t rows, int64_t cols);

  // -- pooling. index (may be null): position a * kw + b of the first largest cell in the
  // window. The gradients write every element of dx.
  void (*max_pool)(const PoolShape& s, const T* x, T* y, uint8_t* index);
  void (*max_pool_grad)(const PoolShape& s, const T* dy, const uint8_t* index, T* dx);
  void (*average_pool)(const PoolShape& s, const T* x, T* y);
  void (*average_pool_grad)(const PoolShape& s, const T* dy, T* dx);

  // -- columns of rows x cols matrices, whose rows lie ld elements apart (cols where no ld is
  // given); x, dy and what belongs to columns over-readable
  // Joins the rows to state: mean[cols], sum of squared deviations[cols], number of rows.
  void (*column_moments)(const T* x, int64_t ldx, int64_t rows, int64_t cols, double* state);
  // state[j] += sum_i dy[i,j], state[cols + j] += sum_i dy[i,j] (x[i,j] - center[j])
  void (*column_products)(const T* x, int64_t ldx, const T* dy, int64_t ldy, int64_t rows,
                          int64_t cols, const T* center, double* state);
  // y = (x - center) * scale + shift, then max(0, .) if relu; y may be x
  void (*column_affine)(const T* x, int64_t ldx, int64_t rows, int64_t cols, const T* center,
                        const T* scale, const T* shift, T* y, int64_t ldy, bool relu);
  // y = x * scale; y may be x
  void (*column_scale)(const T* x, int64_t rows, int64_t cols, const T* scale, T* y);
  // dx = (dy - mean_dy) * scale + (x - center) * slope (+ more, if not null); dx may be x, dy or
  // more
  void (*column_norm_grad)(const T* x, int64_t ldx, const T* dy, int64_t ldy, int64_t rows,
                           int64_t cols, const T* center, const T* mean_dy, const T* scale,
                           const T* slope, const T* more, int64_t ldm, T* dx, int64_t lddx);

  // -- depthwise convolution, output rows [q0, q1); all operands over-readable
  // k (kh, kw, c), bias (c) may be null; the result is clamped to [low, high].
  void (*depthwise)(const DepthwisePass& s, const T* x, const T* k, const T* bias, T* y, int64_t q0,
                    int64_t q1, T low, T high);
  // dk (kh, kw, c) (+)= sum of dy * x over output rows [q0, q1); dy lies as the result does
  void (*depthwise_grad_kernel)(const DepthwisePass& s, const T* x, const T* dy, T* dk, int64_t q0,
                                int64_t q1, bool accumulate);

  // -- few channels: pixels (NHWC) to planes and back
  // y[(r * columns + p) * channels + c] = x(c, r, p) + bias[c] (if not null), then max(0, .) if
  // relu, for 1 <= channels <= kPlanarChannels; x over-readable.
  void (*interleave)(const Planes<T>& x, int64_t channels, const T* bias, bool relu, T* y);
  // y[c * ld + p] = x[p * channels + c] for p < pixels and any number of channels; x has
  // `readable` >= pixels pixels and is over-readable.
  void (*deinterleave)(const T* x, int64_t readable, int64_t pixels, int64_t channels, T* y,
                       int64_t ld);

  // -- dropout: y[i] = hash32(key, offset + i) < threshold ? 0 : x[i] * scale.
  // hash32 is a pure function of (key, offset + i), the same on every ISA and for T float, double.
  void (*dropout)(const T* x, T* y, int64_t n, uint32_t threshold, T scale, uint64_t key,
                  uint64_t offset);
  // y[i] = (hash32(key, offset + i) >> 8) / 2^24, in [0, 1)
  void (*random_uniform)(T* y, int64_t n, uint64_t key, uint64_t offset);

  // -- image resize, one axis: y[o * inner + j] = sum_t weight[t] * x[index[t] * inner + j] for
  // t in [first[o], first[o + 1]), j < inner
  void (*resample)(const T* x, T* y, int64_t outputs, int64_t inner, const int64_t* first,
                   const int64_t* index, const T* weight);

  // -- recurrent cells: n units of one sample; the gates i, f, g, o lie in a row, n of each
  // c = f c_before + i g; c may be c_before
  void (*lstm_cell)(const T* gates, const T* c_before, T* c, int64_t n);
  // With total = dc + dtanh: dgates = (total g, total c_before, total i, dh tanh_c), dc_before =
  // total f. No result may be an operand, but dc_before may be dc.
  void (*lstm_cell_grad)(const T* gates, const T* c_before, const T* tanh_c, const T* dh,
                         const T* dtanh, const T* dc, T* dgates, T* dc_before, int64_t n);
  // y = x + a b
  void (*multiply_add)(const T* x, const T* a, const T* b, T* y, int64_t n);
  // y = z a + (1 - z) b
  void (*gru_mix)(const T* z, const T* a, const T* b, T* y, int64_t n);
  // dz = dy (a - b), da = dy z, db = dy (1 - z); no result is an operand
  void (*gru_mix_grad)(const T* z, const T* a, const T* b, const T* dy, T* dz, T* da, T* db,
                       int64_t n);

  // -- optimizers (Keras's formulas), in place over n parameters w with gradients g. Decay rates
  // are double, because 1 - rate must not carry the rounding error of a float rate.
  void (*sgd)(T* w, const T* g, int64_t n, T lr);
  // m = mu m - lr g; w += nesterov ? mu m - lr g : m
  void (*sgd_momentum)(T* w, const T* g, T* m, int64_t n, T lr, T mu, bool nesterov);
  // v = rho v + (1 - rho) g^2; d = v - mg^2 if mg (then mg = rho mg + (1 - rho) g first) else v;
  // step = lr g / sqrt(d + eps); if mom: mom = mu mom + step, w -= mom; else w -= step
  void (*rmsprop)(T* w, const T* g, T* v, T* mg, T* mom, int64_t n, T lr, double rho, T mu, T eps);
  // m += (g - m)(1 - b1); v += (g^2 - v)(1 - b2); w -= alpha m / (sqrt(v) + eps)
  void (*adam)(T* w, const T* g, T* m, T* v, int64_t n, T alpha, double b1, double b2, T eps);
};

struct IsaLevel {
  const char* name;  // "baseline", "avx2", "avx512", "neon"
  bool (*supported)();
  const KernelTable<float>* f32;
  const KernelTable<double>* f64;
};

// All levels compiled in, best last; active() is the level in use.
const IsaLevel* const* isa_levels(int* count);
const IsaLevel& active_isa();
// Selects a level by name. Returns false if it is unknown or the CPU lacks it.
bool set_active_isa(const char* name);

template <typename T>
const KernelTable<T>& kernels();
template <>
inline const KernelTable<float>& kernels<float>() {
  return *active_isa().f32;
}
template <>
inline const KernelTable<double>& kernels<double>() {
  return *active_isa().f64;
}

}  // namespace pyframe
