// Lowers a graph to a plan: selection, fusion, lowering, scheduling, memory.
#pragma once

#include <vector>

#include "graph/plan.h"

namespace pyframe {

// Level 0 computes nothing again; each level more than the one before.
constexpr int kRecomputeLevels = 6;

class PlanBuilder {
 public:
  PlanBuilder(Plan& plan, const Graph& graph, const std::vector<TensorId>& outputs,
              const std::vector<Shape>& input_shapes, const std::vector<TensorId>& changing,
              int recompute_level, int64_t work, int64_t column_work, bool join_in_place)
      : plan_(plan),
        graph_(graph),
        outputs_(outputs),
        input_shapes_(input_shapes),
        changing_(changing),
        recompute_level_(recompute_level),
        work_(work),
        column_work_(column_work),
        join_in_place_(join_in_place) {}

  void build();

 private:
  void make_tensors();  // concrete shapes
  void select_nodes();  // what the outputs and effects need
  void count_readers();
  void find_fixed();    // tensors that are the same in every run
  void fold_padding();  // zeros around images into the windows behind them
  void fold();          // normalisations into the kernels before them
  void recompute();     // cheap activations again instead of keeping them
  bool can_pool(size_t n, const Node& pooling) const;
  void fuse();            // elementwise functions into their producers
  void rows_on_demand();  // producers of rows into what reads these
  void place_joined();    // inputs of concatenations into their results
  void count_work();
  bool cuts_columns() const;
  bool is_cut(const Node& node, const std::vector<TensorSpec>& specs) const;
  void mark_columns();  // tensors in parts of their columns
  void lower();         // nodes to steps
  void wait_for(Step& step, const Node& node) const;
  void schedule();      // steps to segments
  void place_memory();  // tensors to addresses

  TensorId root(TensorId id) const;  // the tensor whose storage id shares

  // schedule
  std::vector<std::vector<int>> dependencies() const;
  // Steps that depend on constants and on variables no effect changes.
  std::vector<bool> constant_steps(const std::vector<std::vector<int>>& depends) const;

  Plan& plan_;
  const Graph& graph_;
  const std::vector<TensorId>& outputs_;
  const std::vector<Shape>& input_shapes_;
  const std::vector<TensorId>& changing_;
  const int recompute_level_;
  const int64_t work_, column_work_;  // of the plan, -1: to be counted
  const bool join_in_place_;
  std::vector<Node> nodes_;
  std::vector<Epilogue> epilogues_;     // storage of fused functions
  std::vector<int> epilogue_of_;        // by node, -1: none
  std::vector<int> inner_epilogue_of_;  // of the first operator, where a node is two
  std::vector<bool> kept_;              // by node
  std::vector<bool> constant_;          // by step
  int loss_step_ = -1;                  // hands out scalar output 0, which decides about effects
};

}  // namespace pyframe
