// Target regions: all code between PF_TARGET_BEGIN and PF_TARGET_END is compiled for the given
// instruction sets, whatever the flags of the file. Every header must be included before.
#pragma once

#define PF_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define PF_TARGET_BEGIN(features) \
  PF_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define PF_TARGET_END PF_PRAGMA(clang attribute pop)
#else
#define PF_TARGET_BEGIN(features) \
  PF_PRAGMA(GCC push_options)     \
  PF_PRAGMA(GCC target(features))
#define PF_TARGET_END PF_PRAGMA(GCC pop_options)
#endif
