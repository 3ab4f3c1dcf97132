#include "identity/import/old_secrets.hpp"

#include "identity/keys/secret.hpp"
#include "identity/store.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/crypto/stored_hash.hpp"

namespace corral::identity {

std::string unsalted_hash(const std::string& hash) { return std::string(crypto::without_suffix) + hash; }

bool is_old_secret(const std::string& secret_mac) {
    return secret_mac.starts_with("$2") || secret_mac.starts_with(crypto::without_suffix);
}

Result<bool> OldSecrets::check(const KeyPtr& key, std::string_view secret) {
    const std::string mac = key_mac(master_key_, key->key, secret);
    const std::lock_guard lock(mutex_);
    // Whoever waited may find it done.
    const KeyPtr now = directory_.key(key->id);
    if (!now || now->id != key->id) return false;
    if (!is_old_secret(now->secret_mac)) return crypto::equal_constant_time(mac, now->secret_mac);
    if (const auto it = refused_.find(key->id);
        it != refused_.end() && clock_.steady() - it->second < std::chrono::seconds{1})
        return Error{Errc::busy, "This API key was just tried with a wrong secret; try again in a second"};
    constexpr std::size_t suffix = 32;  // bytes of the id that the reference hashes behind the secret
    if (!crypto::verify_password(now->secret_mac, Secret(std::string(secret)), key->id.substr(0, suffix))) {
        refused_[key->id] = clock_.steady();
        return false;
    }
    TRY(database_.write([&](db::Tx& tx) {
        store::replace_key_mac(tx, key->id, now->secret_mac, mac);
        directory_.key_changed(tx, key->id);
    }));
    refused_.erase(key->id);
    return true;
}

}  // namespace corral::identity
