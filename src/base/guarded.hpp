// Data that can only be reached through its lock.
#pragma once

#include <mutex>
#include <utility>

namespace corral {

template <class T>
class Guarded {
public:
    Guarded() = default;
    explicit Guarded(T value) : value_(std::move(value)) {}

    class Lock {
    public:
        Lock(std::mutex& m, T& v) : lock_(m), value_(v) {}
        T* operator->() { return &value_; }
        T& operator*() { return value_; }
        std::unique_lock<std::mutex>& native() { return lock_; }

    private:
        std::unique_lock<std::mutex> lock_;
        T& value_;
    };
    [[nodiscard]] Lock lock() { return Lock{mutex_, value_}; }
    // For reads through a const owner.
    template <class F>
    auto with(F&& f) const {
        std::lock_guard guard(mutex_);
        return std::forward<F>(f)(std::as_const(value_));
    }

private:
    mutable std::mutex mutex_;
    T value_{};
};

}  // namespace corral
