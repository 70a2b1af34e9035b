#include "ops/gemm.h"

#include "common/dispatch_dtype.h"

namespace pyframe {

TensorId lower_pack(Lowering& l, TensorId b, int64_t k, int64_t n, int64_t rs, int64_t cs,
                    int64_t offset) {
  return dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* kernel = &kernels<T>();
    const int64_t nr = kernel->nr;
    const int64_t panels = ceil_div(n, nr);
    const TensorId packed = l.temp({{panels * k * nr}, DTypeOf<T>::value});
    // A few panels a task: enough pieces for many threads, long enough runs for the prefetcher.
    const int64_t group = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, k * nr));
    l.tasks("pack", ceil_div(panels, group), {read_whole(b), write_whole(packed)}, k * n,
            [=](const Call& c) {
              const int64_t first = c.begin * group;
              const int64_t columns = std::min(n, c.end * group * nr) - first * nr;
              kernel->pack_b(c.at<T>(0) + offset + first * nr * cs, rs, cs, k, columns,
                             c.at<T>(1) + first * k * nr);
            });
    return packed;
  });
}

}  // namespace pyframe
