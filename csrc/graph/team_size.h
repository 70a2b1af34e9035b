// How many threads the next run of a plan should have.
//
// A parallel region ends when its last thread does. If another program holds one of the cores, that
// is a scheduler time slice later, although the work was long done by the others. Results do not
// depend on the number of threads, so a plan may fall back to one thread as soon as that is faster,
// and look again from time to time.
#pragma once

#include <cstdint>

namespace pyframe {

class TeamSize {
 public:
  TeamSize() = default;

  // 1 or `most`.
  int choose(int most) {
    if (most != most_) *this = TeamSize(most);
    if (most == 1 || serial_left_ == 0) return most;
    --serial_left_;
    return 1;
  }

  // Time of one step in a run that `choose` gave this number of threads.
  void record(int threads, double seconds) {
    if (threads == 1) {
      serial_ = serial_ == 0 ? seconds : serial_ + (seconds - serial_) / 4;
      return;
    }
    if (best_ == 0 || seconds < best_) best_ = seconds;
    best_ *= 1.0005;  // forget old luck, such as a faster clock
    if (seconds < kSuspicious * best_) {
      patience_ = 1;
      return;
    }
    // Slow: a few runs on one thread cost little and show whether they are better.
    const bool known_better = serial_ > 0 && serial_ < seconds;
    if (known_better && patience_ < kMaxPatience) patience_ *= 2;
    serial_left_ = serial_ == 0 || known_better ? patience_ : 0;
    if (!known_better) serial_ = 0;
  }

 private:
  explicit TeamSize(int most) : most_(most) {}

  static constexpr double kSuspicious = 1.8;
  static constexpr int64_t kMaxPatience = 64;
  double best_ = 0, serial_ = 0;  // seconds a step: quickest parallel, recent serial
  int64_t serial_left_ = 0;       // runs still to do on one thread
  int64_t patience_ = 1;
  int most_ = 0;
};

}  // namespace pyframe
