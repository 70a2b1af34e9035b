// AVX2 and FMA: 256-bit vectors, 16 registers.
#include "isa/kernel_headers.h"

#if defined(__x86_64__)
#define PF_VBYTES 32
#define PF_MAX_ROWS 6
#define PF_TILE_VECTORS 2
#define PF_ACCUMULATORS 12
#define PF_VEC_HEADER "kernels/vec_avx2.inl.h"

PF_TARGET_BEGIN("avx2,fma")
namespace pyframe::avx2 {
#include "kernels/all.inl.h"
}
PF_TARGET_END
#endif
