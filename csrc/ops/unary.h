// What plans need to know of an elementwise function to fuse it into the operator before it.
#pragma once

#include "ir/lowering.h"

namespace pyframe {

// The function of a fusable operator with its attributes in the order of PF_UNARY_LIST.
Epilogue make_epilogue(const OpDef& def, const Attrs& attrs);

// The elementwise function of this name with its default attributes, if its derivative follows from
// its result; an epilogue without a function for "linear". False for any other name.
bool find_function_of_result(const std::string& name, Epilogue& function);

}  // namespace pyframe
