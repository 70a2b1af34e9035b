// AVX-512 F, VL, BW, DQ: 512-bit vectors, 32 registers.
#include "isa/kernel_headers.h"

#if defined(__x86_64__)
#define PF_VBYTES 64
#define PF_MAX_ROWS 14
#define PF_TILE_VECTORS 2
#define PF_ACCUMULATORS 28
#define PF_VEC_HEADER "kernels/vec_avx512.inl.h"

PF_TARGET_BEGIN("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")
namespace pyframe::avx512 {
#include "kernels/all.inl.h"
}
PF_TARGET_END
#endif
