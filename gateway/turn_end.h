#pragma once

#include <memory>
#include <vector>

namespace gateway {

/// Something that does its work once at the end of a loop turn, for all that happened in it (a connection that writes).
class TurnEndTask {
 public:
  TurnEndTask() = default;
  TurnEndTask(const TurnEndTask&) = delete;
  TurnEndTask& operator=(const TurnEndTask&) = delete;
  virtual void at_turn_end() = 0;

 protected:
  virtual ~TurnEndTask();  // leaves the list

 private:
  friend class TurnEnd;
  class TurnEnd* scheduled_ = nullptr;
  TurnEndTask* next_ = nullptr;
  TurnEndTask* prev_ = nullptr;
};

/// What a worker does at the end of each loop turn: the tasks that were scheduled, then the burials. Confined to its thread.
class TurnEnd {
 public:
  TurnEnd() = default;
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;
  ~TurnEnd();

  /// Once a turn, however often it is scheduled. A task scheduled while tasks run has its turn in the same run().
  void schedule(TurnEndTask& task);
  /// Destroys `object` at the end of this turn, when none of its calls is under way.
  template <typename T>
  void bury(std::unique_ptr<T> object) {
    if (object) graves_.push_back(Grave(object.release(), [](void* buried) { delete static_cast<T*>(buried); }));
  }
  /// Runs what is scheduled, at most kTasksATurn of them, then the burials. True if tasks are left for the next turn.
  bool run();

 private:
  static constexpr int kTasksATurn = 4096;
  using Grave = std::unique_ptr<void, void (*)(void*)>;
  friend class TurnEndTask;
  void remove(TurnEndTask& task);
  void bury_all();

  TurnEndTask* first_ = nullptr;
  TurnEndTask* last_ = nullptr;
  std::vector<Grave> graves_;
  std::vector<Grave> opened_graves_;  // during bury_all(); both keep their places for the next turn
};

}  // namespace gateway
