#include "gateway/turn_end.h"

namespace gateway {

TurnEndTask::~TurnEndTask() {
  if (scheduled_ != nullptr) scheduled_->remove(*this);
}

TurnEnd::~TurnEnd() { bury_all(); }

void TurnEnd::schedule(TurnEndTask& task) {
  if (task.scheduled_ != nullptr) return;
  task.scheduled_ = this;
  task.prev_ = last_;
  task.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &task;
  last_ = &task;
}

void TurnEnd::remove(TurnEndTask& task) {
  (task.prev_ != nullptr ? task.prev_->next_ : first_) = task.next_;
  (task.next_ != nullptr ? task.next_->prev_ : last_) = task.prev_;
  task.prev_ = task.next_ = nullptr;
  task.scheduled_ = nullptr;
}

bool TurnEnd::run() {
  for (int i = 0; i < kTasksATurn && first_ != nullptr; ++i) {
    TurnEndTask& task = *first_;
    remove(task);
    task.at_turn_end();
  }
  bury_all();
  return first_ != nullptr;
}

// What is buried may bury more in its destructor.
void TurnEnd::bury_all() {
  while (!graves_.empty()) {
    graves_.swap(opened_graves_);
    opened_graves_.clear();
  }
}

}  // namespace gateway
