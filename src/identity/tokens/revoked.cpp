#include "identity/tokens/revoked.hpp"

#include <mutex>

#include "base/log.hpp"
#include "identity/tokens/store.hpp"

namespace corral::identity {

namespace {
constexpr const char* topic = "revoked_tokens";
}

RevokedTokens::RevokedTokens(db::Database& database, const Clock& clock) : database_(database), clock_(clock) {
    listening_ = database.listen(topic, [this] {
        if (auto done = reload(); !done)
            log::warn("What other controllers logged out could not be read", {{"why", done.error().message}});
    });
}

Result<void> RevokedTokens::reload() {
    auto stored = TRY(database_.read([](db::Tx& tx) { return store::revoked_tokens(tx); }));
    std::lock_guard lock(mutex_);
    // Added to, not replaced: what was revoked here between the read and now must not come back. One that another
    // process forgot has expired.
    for (auto& [id, expires] : stored) ids_.insert_or_assign(std::move(id), expires);
    any_ = !ids_.empty();
    ++generation_;
    return {};
}

void RevokedTokens::revoke(db::Tx& tx, const std::string& id, Time expires) {
    store::insert_revoked_token(tx, id, expires);
    tx.announce(topic);
    tx.after_commit([this, id, expires] {
        std::lock_guard lock(mutex_);
        ids_.insert_or_assign(id, expires);
        any_ = true;
        ++generation_;
    });
}

bool RevokedTokens::contains(const std::string& id) const {
    if (!any_) return false;  // as a rule
    std::shared_lock lock(mutex_);
    return ids_.contains(id);
}

Result<void> RevokedTokens::forget_expired() {
    const Time now = clock_.now();
    {
        std::lock_guard lock(mutex_);
        std::erase_if(ids_, [&](const auto& entry) { return entry.second <= now; });
        any_ = !ids_.empty();
    }
    return database_.write([&](db::Tx& tx) { store::delete_revoked_tokens(tx, now); });
}

}  // namespace corral::identity
