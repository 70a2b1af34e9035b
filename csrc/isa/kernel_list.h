// The members of KernelTable<T>, in order, as the kernels of one instruction set.
#pragma once

#define PF_UNARY_VALUE(name, operand) &map_unary<T, unary::name<T>>,
#define PF_UNARY_GRAD(name, operand) &map_unary_grad<T, unary::name<T>>,
#define PF_BINARY(name) &map_binary<T, binary::name<T>>,

// clang-format off
#define PF_MAKE_TABLE                                     \
  {                                                       \
    kMaxRows, kTileVectors * kLanes<T>, kLanes<T>,        \
    &gemm<T>, &pack_b<T>,                                 \
    winograd_transforms<T, SmallInputLine, SmallOutputLine, SmallFilterLine>(), \
    winograd_transforms<T, InputLine, OutputLine<4>, FilterLine<3>>(), \
    &winograd_tile<FilterLine<4>, T>,                     \
    &winograd_kernel_gradient<T>,                         \
    {PF_UNARY_LIST(PF_UNARY_VALUE)},                      \
    {PF_UNARY_LIST(PF_UNARY_GRAD)},                       \
    {PF_BINARY_LIST(PF_BINARY)},                          \
    &fill<T>, &axpby<T>,                                  \
    &sum<T>, &sum_square<T>, &sum_absolute<T>, &max<T>,   \
    &column_sum<T>, &add_parts<T>,                        \
    &softmax<T>, &softmax_grad<T>,                        \
    &log_softmax<T>, &log_softmax_grad<T>,                \
    &softmax_xent<T>, &softmax_xent_grad<T>,              \
    &sparse_softmax_xent<T>, &sparse_softmax_xent_grad<T>, \
    &sigmoid_xent<T>, &sigmoid_xent_grad<T>,              \
    &squared_error<T>, &squared_error_grad<T>,            \
    &absolute_error<T>, &absolute_error_grad<T>,          \
    &argmax<T>,                                           \
    &max_pool<T>, &max_pool_grad<T>,                      \
    &average_pool<T>, &average_pool_grad<T>,              \
    &column_moments<T>, &column_products<T>,              \
    &column_affine<T>, &column_scale<T>,                  \
    &column_norm_grad<T>,                                 \
    &depthwise<T>, &depthwise_grad_kernel<T>,             \
    &interleave<T>, &deinterleave<T>,                     \
    &dropout<T>, &random_uniform<T>,                      \
    &resample<T>,                                         \
    &lstm_cell<T>, &lstm_cell_grad<T>, &multiply_add<T>,  \
    &gru_mix<T>, &gru_mix_grad<T>,                        \
    &sgd<T>, &sgd_momentum<T>, &rmsprop<T>, &adam<T>,     \
  }
// clang-format on
