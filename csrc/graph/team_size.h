// How many threads the next run of a plan should have.
//
// A parallel region ends when its last thread does. If another program holds one of the cores, that
// is a scheduler time slice later, although the work was long done by the others. Results do not
// depend on the number of threads, so a plan may fall back to one thread as soon as that is faster,
// and look again from time to time.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pyframe {

class TeamSize {
 public:
  TeamSize() = default;

  // 1 or `most`.
  int choose(int most) {
    if (most != most_) *this = TeamSize(most);
    return serial_left_ > 0 ? 1 : most;
  }

  // Of `steps` steps, those that run before the choice is due again.
  int64_t until_next(int64_t steps) const {
    if (most_ == 1) return steps;
    const double step = serial_left_ > 0 ? serial_ : step_;
    const double seconds = serial_left_ > 0 ? serial_left_ : proven() ? kLookAgain : kShortLook;
    if (step == 0) return 1;
    return std::clamp(static_cast<int64_t>(std::min(seconds / step, 1e6)), int64_t{1}, steps);
  }

  // A run on this many threads took `seconds` in all, `step` seconds a step.
  void record(int threads, double seconds, double step) {
    if (threads == 1) {
      serial_ = serial_ == 0 ? step : std::min(step, serial_ * 1.01);
      serial_left_ -= seconds;
      return;
    }
    step_ = step;
    if (serial_ == 0) {
      if (++runs_ > kWarmUp) serial_left_ = patience_;  // the first look at one thread
      return;
    }
    const double saved = seconds * (serial_ / step - 1);
    saved_ += saved;
    lost_ = std::max(0.0, lost_ - saved);
    if (lost_ > std::max(kWakeUp, (proven() ? kMostLost : kMostLostInLook) * serial_)) {
      // The other threads are more hindrance than help.
      serial_left_ = patience_;
      patience_ = std::min(2 * patience_, kLongest);
      lost_ = saved_ = 0;
    } else if (proven()) {
      patience_ = kShortest;
    }
  }

 private:
  explicit TeamSize(int most) : most_(most) {}

  // Beside another program steps are quick and slow in turns: one quick step proves nothing.
  bool proven() const { return saved_ > std::max(kProof, kProofSteps * serial_); }

  static constexpr int kWarmUp = 2;  // runs that touch memory for the first time tell nothing
  // Seconds that may be lost against one thread before that is tried again, and the same in steps
  // of one thread. Threads that fell asleep need up to a millisecond to come back.
  static constexpr double kWakeUp = 0.001, kMostLost = 1.5, kMostLostInLook = 0.5;
  static constexpr double kProof = 0.005, kProofSteps = 4;  // what must be saved first
  // Seconds of running on one thread before the next look at two; the look itself costs a time
  // slice, some 10 ms, when a core is still taken.
  static constexpr double kShortest = 0.002, kLongest = 0.25;
  static constexpr double kLookAgain = 0.05, kShortLook = 0.002;  // seconds on all threads

  int most_ = 0;
  int runs_ = 0;
  double lost_ = 0;         // seconds against one thread, of late
  double saved_ = 0;        // the opposite, since the last look at two threads began
  double step_ = 0;         // seconds a step on all threads, in the last run
  double serial_ = 0;       // seconds a step on one thread, quickest of late
  double serial_left_ = 0;  // seconds still to run on one thread
  double patience_ = kShortest;
};

}  // namespace pyframe
