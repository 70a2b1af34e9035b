// General matrix product: optional transposes, batches of matrices.
#include "common/dispatch_dtype.h"
#include "ops/gemm.h"

namespace pyframe {
namespace {

struct MatmulShape {
  int64_t batch, m, n, k;
  bool shared_b;  // one b for all batches
  bool ta, tb;
};

MatmulShape matmul_shape(const Shape& a, const Shape& b, const Attrs& attrs) {
  MatmulShape s;
  s.ta = attrs.flag("transpose_a", false);
  s.tb = attrs.flag("transpose_b", false);
  const size_t ra = a.size(), rb = b.size();
  s.m = a[ra - (s.ta ? 1 : 2)];
  s.k = a[ra - (s.ta ? 2 : 1)];
  s.n = b[rb - (s.tb ? 2 : 1)];
  s.shared_b = rb == 2;
  s.batch = 1;
  for (size_t i = 0; i + 2 < ra; ++i) s.batch *= a[i];
  return s;
}

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32 && c.inputs[0].dtype == c.inputs[1].dtype,
            "needs two float tensors of one dtype.");
  c.require(c.rank(0) >= 2 && c.rank(1) >= 2, "needs matrices.");
  const Shape &a = c.shape(0), &b = c.shape(1);
  const MatmulShape s = matmul_shape(a, b, c.attrs);
  const int64_t kb = b[b.size() - (s.tb ? 1 : 2)];
  c.require(s.k == kb, "inner dimensions differ: ", s.k, " and ", kb, ".");
  if (b.size() > 2)
    c.require(a.size() == b.size() && std::equal(a.begin(), a.end() - 2, b.begin()),
              "batch dimensions must be equal, or b a single matrix.");
  else
    c.require(a.size() == 2 || !s.ta, "transpose_a of a batch needs a batch of b.");
  Shape out(a.begin(), a.end() - 2);
  out.push_back(s.m);
  out.push_back(s.n);
  return {{out, c.inputs[0].dtype}};
}

int64_t work(const OpContext& c) {
  const MatmulShape s = matmul_shape(c.shape(0), c.shape(1), c.attrs);
  return s.batch * s.m * s.n * s.k;
}

// Whether b is multiplied with as it lies: it fits the L2 cache together with rows of a, or few
// rows pass by. What does not change is packed once.
template <typename T>
bool reads_plain(const Lowering& l, const KernelTable<T>& kernel, const MatmulShape& s) {
  if (s.tb || l.is_fixed(l.x(1))) return false;
  const int64_t bytes = s.k * s.n * static_cast<int64_t>(sizeof(T));
  return bytes <= 512 * 1024 || (s.m <= 4 * kernel.mr && bytes <= 1024 * 1024);
}

template <typename T>
void lower_of(Lowering& l) {
  const KernelTable<T>* kernel = &kernels<T>();
  MatmulShape s = matmul_shape(l.x_shape(0), l.x_shape(1), l.attrs());
  if (s.shared_b && !s.ta) {  // rows of all batches are one matrix
    s.m *= s.batch;
    s.batch = 1;
  }
  const int64_t nr = kernel->nr, b_size = s.k * s.n, a_size = s.m * s.k;
  const bool plain = reads_plain(l, *kernel, s);
  const TensorId right = plain ? l.x(1)
                               : lower_pack(l, l.x(1), s.k, s.n, s.tb ? 1 : s.n, s.tb ? s.k : 1, 0,
                                            s.shared_b ? 1 : s.batch);
  const int64_t right_size = plain ? b_size : ceil_div(s.n, nr) * nr * s.k;
  const int64_t right_step = s.shared_b ? 0 : right_size;
  const GemmGrid grid(*kernel, s.m, s.n, s.k, !plain && !l.is_fixed(l.x(1)));
  const int64_t a_rs = s.ta ? 1 : s.k, a_cs = s.ta ? s.m : 1;
  const GemmCopy copy = GemmCopy::of(*kernel, grid.width(), s.k, a_rs, a_cs);
  Step& step = l.tasks(
      "matmul", s.batch * grid.blocks(),
      {read_whole(l.x(0)), read_whole(right), write_whole(l.y())}, s.batch * s.m * s.n * s.k,
      [=](const Call& c) {
        const int64_t batch = c.begin / grid.blocks();
        const GemmGrid::Block block = grid.block(c.begin % grid.blocks());
        const T* data = c.at<T>(1) + batch * right_step;
        GemmB<T> b = plain ? GemmB<T>::plain(data, s.n, nr) : GemmB<T>::packed(data, s.k, nr);
        b.data += block.j / nr * b.panel;
        gemm_blocked(*kernel, block.m, block.n, s.k, c.at<T>(0) + batch * a_size + block.i * a_rs,
                     a_rs, a_cs, b, c.at<T>(2) + (batch * s.m + block.i) * s.n + block.j, s.n,
                     false, nullptr, false, copy, c.workspace);
      });
  step.workspace = copy.bytes;
}

void lower(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) { lower_of<typename decltype(tag)::type>(l); });
}

TensorId product(GradientContext& g, TensorId a, bool ta, TensorId b, bool tb) {
  return g.op("matmul", {a, b}, {{"transpose_a", int64_t{ta}}, {"transpose_b", int64_t{tb}}});
}

// The gradient of the transposed operand is the transposed product, so no operand is ever moved.
void gradient(GradientContext& g) {
  const bool ta = g.attrs().flag("transpose_a", false), tb = g.attrs().flag("transpose_b", false);
  const TensorId a = g.x(0), b = g.x(1), dy = g.dy();
  const size_t rank_a = g.spec(a).shape.size(), rank_b = g.spec(b).shape.size();
  if (g.needs(0)) g.set(0, ta ? product(g, b, tb, dy, true) : product(g, dy, false, b, !tb));
  if (!g.needs(1)) return;
  if (rank_b == 2 && rank_a > 2) {
    const auto flat = [&](TensorId t) {
      return g.op("reshape", {t}, {{"shape", Ints{-1, g.spec(t).shape.back()}}});
    };
    const TensorId fa = flat(a), fdy = flat(dy);
    g.set(1, tb ? product(g, fdy, true, fa, false) : product(g, fa, true, fdy, false));
    return;
  }
  g.set(1, tb ? product(g, dy, true, a, ta) : product(g, a, !ta, dy, false));
}

bool register_all() {
  OpDef def;
  def.name = "matmul";
  def.min_inputs = def.max_inputs = 2;
  def.attrs = {"transpose_a", "transpose_b"};
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.work = work;
  return register_op(def);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
