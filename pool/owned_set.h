#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace pool {

/// Objects that are owned together and leave one by one, in no order. T has a public member `std::size_t slot`.
template <typename T>
class OwnedSet {
 public:
  T& add(std::unique_ptr<T> object) {
    object->slot = objects_.size();
    objects_.push_back(std::move(object));
    return *objects_.back();
  }
  /// Gives `object` out of the set. REQUIRES: it is in it.
  std::unique_ptr<T> release(T& object) {
    std::unique_ptr<T>& place = objects_[object.slot];
    std::swap(place, objects_.back());
    place->slot = object.slot;
    std::unique_ptr<T> released = std::move(objects_.back());
    objects_.pop_back();
    return released;
  }

  bool empty() const { return objects_.empty(); }
  std::size_t size() const { return objects_.size(); }
  T& operator[](std::size_t i) const { return *objects_[i]; }

 private:
  std::vector<std::unique_ptr<T>> objects_;
};

}  // namespace pool
