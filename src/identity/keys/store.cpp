#include "identity/keys/store.hpp"

namespace corral::identity::store {

bool api_key_exists(db::Tx& tx, const std::string& text) {
    return tx
        .one<std::int64_t>(
            "SELECT 1 FROM api_keys WHERE lower(name) = lower(:1) OR lower(key) = lower(:2) OR id = lower(:3)", text,
            text, text)
        .has_value();
}

}  // namespace corral::identity::store
