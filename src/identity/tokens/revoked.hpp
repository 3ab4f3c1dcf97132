// Tokens that were logged out before their time: in the database, and in memory for requests. Any thread.
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "platform/db/db.hpp"

namespace corral::identity {

class RevokedTokens {
public:
    RevokedTokens(db::Database& database, const Clock& clock);

    // What the database holds: at the start, and when another process changed it.
    Result<void> reload();
    // Part of a transaction; counts once that is committed.
    void revoke(db::Tx&, const std::string& id, Time expires);
    [[nodiscard]] bool contains(const std::string& id) const;
    // Rises when tokens are added.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // Those that are over anyway are forgotten.
    Result<void> forget_expired();

private:
    db::Database& database_;
    const Clock& clock_;
    std::atomic<bool> any_ = false;
    std::atomic<std::uint64_t> generation_ = 0;
    mutable std::shared_mutex mutex_;  // guards ids_
    std::unordered_map<std::string, Time> ids_;
    std::unique_ptr<db::Listening> listening_;  // last: ends before what it calls
};

}  // namespace corral::identity
