// The slow hashes of passwords, kept from stalling everything else: a few threads of low priority do them, and only so
// many callers may wait. Any thread; blocks for a hash (about 13 ms) and those before it.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "platform/tasks/tasks.hpp"

namespace corral::identity {

class PasswordWork {
public:
    // `waiting`: callers inside at once, so that a flood of logins leaves threads for other requests.
    PasswordWork(std::size_t threads, int waiting) : waiting_(waiting), pool_("passwords", threads) {}

    // Errc::busy when too many wait already.
    Result<bool> verify(const std::string& encoded, const Secret& password, std::string_view bcrypt_suffix);
    Result<std::string> hash(const Secret& password);

private:
    Result<void> run(const std::function<void()>& work);

    const int waiting_;
    std::atomic<int> inside_ = 0;
    tasks::Pool pool_;
};

}  // namespace corral::identity
