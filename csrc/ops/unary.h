// What plans need to know of an elementwise function to fuse it into the operator before it.
#pragma once

#include "ir/lowering.h"

namespace pyframe {

// The function of a fusable operator with its attributes in the order of PF_UNARY_LIST.
Epilogue make_epilogue(const OpDef& def, const Attrs& attrs);

}  // namespace pyframe
