// A storage that can be told to fail: at its n-th call, before or after that call took effect. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "catalog/storage.hpp"

namespace corral::testing_support {

class FaultyStorage final : public catalog::Storage {
public:
    enum class When { before_effect, after_effect };
    struct Call {
        std::string verb, key;
    };

    explicit FaultyStorage(std::unique_ptr<catalog::Storage> real) : real_(std::move(real)) {}

    // From now on the n-th call (1: the next) fails, once.
    void fail_at(int call, When when = When::before_effect) {
        const std::lock_guard lock(mutex_);
        fails_at_ = calls_ + call;
        when_ = when;
        failed_ = false;
    }
    void never_fail() {
        const std::lock_guard lock(mutex_);
        fails_at_ = 0;
    }
    [[nodiscard]] bool has_failed() const {
        const std::lock_guard lock(mutex_);
        return failed_;
    }
    // Runs before each call, on its thread.
    void on_call(std::function<void(const Call&)> hook) {
        const std::lock_guard lock(mutex_);
        hook_ = std::move(hook);
    }

    [[nodiscard]] std::string describe() const override { return real_->describe(); }
    Result<void> put(const std::string& key, std::string_view bytes) override {
        return change({"put", key}, [&] { return real_->put(key, bytes); });
    }
    Result<void> put_file(const std::string& key, const std::string& local) override {
        return change({"put_file", key}, [&] { return real_->put_file(key, local); });
    }
    Result<void> remove(const std::string& key) override {
        return change({"remove", key}, [&] { return real_->remove(key); });
    }
    Result<std::string> get(const std::string& key, std::uint64_t offset,
                            std::optional<std::uint64_t> length) override {
        if (is_the_one({"get", key})) return broken();
        return real_->get(key, offset, length);
    }
    Result<std::optional<std::uint64_t>> size(const std::string& key) override {
        if (is_the_one({"size", key})) return broken();
        return real_->size(key);
    }
    Result<std::vector<catalog::StoredObject>> list(const std::string& prefix) override {
        if (is_the_one({"list", prefix})) return broken();
        return real_->list(prefix);
    }

private:
    static Error broken() { return Error{Errc::upstream, "The storage failed, as the test wished"}; }
    bool is_the_one(const Call& call) {
        std::function<void(const Call&)> hook;
        bool fails = false;
        {
            const std::lock_guard lock(mutex_);
            hook = hook_;
            fails = ++calls_ == fails_at_;
            failed_ = failed_ || fails;
        }
        if (hook) hook(call);
        return fails;
    }
    bool acts_first() const {
        const std::lock_guard lock(mutex_);
        return when_ == When::after_effect;
    }
    Result<void> change(const Call& call, const std::function<Result<void>()>& act) {
        if (!is_the_one(call)) return act();
        if (acts_first()) (void)act();
        return broken();
    }

    std::unique_ptr<catalog::Storage> real_;
    mutable std::mutex mutex_;  // guards what follows
    int calls_ = 0, fails_at_ = 0;
    When when_ = When::before_effect;
    bool failed_ = false;
    std::function<void(const Call&)> hook_;
};

}  // namespace corral::testing_support
