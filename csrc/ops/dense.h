// Products of dense layers, for the operators that are such products.
#pragma once

#include "ir/lowering.h"

namespace pyframe {

struct DenseShape {
  int64_t lead;      // leading dimension, the one plans cut
  int64_t per_lead;  // rows of the product for each index of it
  int64_t k, n;

  int64_t rows() const { return lead * per_lead; }
};

// Whether the weights are so many for so few rows a lane that they should pass through the cache
// once a step, not once a lane: the product is then cut in columns.
bool streams_weights(const Lowering& l, const DenseShape& s);

// Adds the steps of y = x w (+ bias, epilogue without a residual); bias may be kNoTensor.
void lower_dense_product(Lowering& l, TensorId x, TensorId w, TensorId bias, TensorId y,
                         const DenseShape& s);

// Adds the steps of dx = dy w^T; k is the width of dy, n that of dx.
void lower_dense_grad_input(Lowering& l, TensorId dy, TensorId w, TensorId dx, const DenseShape& s);

// Adds the steps of dw = x^T dy; k is the width of x, n that of dy.
void lower_dense_grad_kernel(Lowering& l, TensorId x, TensorId dy, TensorId dw,
                             const DenseShape& s);

// OpDef::fits_columns of the product and of dx (inputs dy, w), and of dw (inputs x, dy).
bool fits_columns_of_kernel(const OpContext& c, int64_t batch, bool fixed);
bool fits_columns_of_gradient(const OpContext& c, int64_t batch, bool fixed);
// Whether these say so of the operator being lowered.
bool is_cut_in_columns(const Lowering& l);

// The same products by columns: the parts of axis 0 of the kernel (or its gradient) stay where they
// are.
void lower_dense_columns(Lowering& l, TensorId x, TensorId w, TensorId bias, TensorId y,
                         const DenseShape& s);
void lower_dense_grad_input_columns(Lowering& l, TensorId dy, TensorId w, TensorId dx,
                                    const DenseShape& s);
void lower_dense_grad_kernel_columns(Lowering& l, TensorId x, TensorId dy, TensorId dw,
                                     const DenseShape& s);

}  // namespace pyframe
