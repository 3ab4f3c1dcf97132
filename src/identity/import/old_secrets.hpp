// Secrets of API keys that were taken over from a reference database: kept there as slow hashes, here as MACs that cost
// nothing to check. The first good use of a key turns the one into the other.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "identity/directory.hpp"

namespace corral::identity {

// How a bcrypt hash is kept that was made of the password alone, without the id behind it.
std::string unsalted_hash(const std::string& hash);
bool is_old_secret(const std::string& secret_mac);

// Thread-safe. What is passed in outlives it.
class OldSecrets {
public:
    OldSecrets(db::Database& database, Directory& directory, const Clock& clock, Secret master_key)
        : database_(database), directory_(directory), clock_(clock), master_key_(std::move(master_key)) {}

    // Is `secret` the one of this key, whose secret is_old_secret()? Takes about 70 ms and a write, once a key; one at
    // a time, and after a wrong one that key is not tried for a second (Errc::busy), so that nobody can keep the
    // threads of the network busy by guessing.
    Result<bool> check(const KeyPtr& key, std::string_view secret);

private:
    db::Database& database_;
    Directory& directory_;
    const Clock& clock_;
    const Secret master_key_;
    std::mutex mutex_;
    std::unordered_map<std::string, SteadyTime> refused_;  // by id of a key: at most as many as were taken over
};

}  // namespace corral::identity
