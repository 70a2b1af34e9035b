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

template <typename T>
void lower_of(Lowering& l) {
  const KernelTable<T>* kernel = &kernels<T>();
  MatmulShape s = matmul_shape(l.x_shape(0), l.x_shape(1), l.attrs());
  if (s.shared_b && !s.ta) {  // rows of all batches are one matrix
    s.m *= s.batch;
    s.batch = 1;
  }
  const int64_t nr = kernel->nr, panels = ceil_div(s.n, nr), packed_size = panels * nr * s.k;
  const int64_t b_count = s.shared_b ? 1 : s.batch;
  const int64_t b_size = s.k * s.n, a_size = s.m * s.k;
  const int64_t rs = s.tb ? 1 : s.n, cs = s.tb ? s.k : 1;
  const TensorId packed = l.temp({{b_count * packed_size}, l.dtype()});
  const int64_t group = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, s.k * nr));
  const int64_t groups = ceil_div(panels, group);
  l.tasks("pack", b_count * groups, {read_whole(l.x(1)), write_whole(packed)}, b_count * b_size,
          [=](const Call& c) {
            for (int64_t t = c.begin; t < c.end; ++t) {
              const int64_t batch = t / groups, first = t % groups * group;
              const int64_t columns = std::min(s.n, (first + group) * nr) - first * nr;
              kernel->pack_b(c.at<T>(0) + batch * b_size + first * nr * cs, rs, cs, s.k, columns,
                             c.at<T>(1) + batch * packed_size + first * nr * s.k);
            }
          });
  // Row blocks that keep a slice of A in the L2 cache; column blocks when there are few rows.
  const int64_t block_m = 8 * kernel->mr;
  const int64_t block_n = s.m > 4 * block_m ? s.n : 16 * nr;
  const int64_t blocks_m = ceil_div(s.m, block_m);
  const int64_t blocks_n = std::max<int64_t>(1, ceil_div(s.n, std::max<int64_t>(1, block_n)));
  const int64_t a_rs = s.ta ? 1 : s.k, a_cs = s.ta ? s.m : 1;
  const GemmCopy copy = GemmCopy::of(*kernel, std::min(block_n, s.n), s.k, a_rs, a_cs);
  Step& step =
      l.tasks("matmul", s.batch * blocks_m * blocks_n,
              {read_whole(l.x(0)), read_whole(packed), write_whole(l.y())},
              s.batch * s.m * s.n * s.k, [=](const Call& c) {
                for (int64_t t = c.begin; t < c.end; ++t) {
                  const int64_t batch = t / (blocks_m * blocks_n);
                  const int64_t i = t / blocks_n % blocks_m * block_m, j = t % blocks_n * block_n;
                  GemmB<T> b = GemmB<T>::packed(c.at<T>(1), s.k, nr);
                  b.data += (s.shared_b ? 0 : batch) * packed_size + j / nr * b.panel;
                  gemm_blocked(*kernel, std::min(block_m, s.m - i), std::min(block_n, s.n - j), s.k,
                               c.at<T>(0) + batch * a_size + i * a_rs, a_rs, a_cs, b,
                               c.at<T>(2) + (batch * s.m + i) * s.n + j, s.n, false, nullptr, false,
                               copy, c.workspace);
                }
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
