// All kernels, for the instruction set whose constants the including file has defined.
// Included inside a target region: no header of the system may be included from here, and
// nothing may have external or weak linkage except the two tables.

namespace {
#include "kernels/vec.inl.h"
//
#include PF_VEC_HEADER
//
#include "kernels/shuffle.inl.h"
//
#include "kernels/math.inl.h"
//
#include "kernels/gemm.inl.h"
//
#include "kernels/pack.inl.h"
//
#include "kernels/winograd.inl.h"
//
#include "kernels/elementwise.inl.h"
//
#include "kernels/map.inl.h"
//
#include "kernels/reduce.inl.h"
//
#include "kernels/softmax.inl.h"
//
#include "kernels/loss.inl.h"
//
#include "kernels/pool.inl.h"
//
#include "kernels/norm.inl.h"
//
#include "kernels/depthwise.inl.h"
//
#include "kernels/planar.inl.h"
//
#include "kernels/random.inl.h"
//
#include "kernels/resample.inl.h"
//
#include "kernels/recurrent.inl.h"
//
#include "kernels/optimizer.inl.h"

template <typename T>
constexpr KernelTable<T> kTable = PF_MAKE_TABLE;
}  // namespace

extern const KernelTable<float> table_f32;
extern const KernelTable<double> table_f64;
constexpr KernelTable<float> table_f32 = kTable<float>;
constexpr KernelTable<double> table_f64 = kTable<double>;
