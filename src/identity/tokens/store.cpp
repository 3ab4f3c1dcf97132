#include "identity/tokens/store.hpp"

namespace corral::identity::store {

std::vector<std::tuple<std::string, Time>> revoked_tokens(db::Tx& tx) {
    return tx.all<std::string, Time>("SELECT id, expires_at FROM revoked_tokens");
}

void insert_revoked_token(db::Tx& tx, const std::string& id, Time expires) {
    tx.exec("INSERT INTO revoked_tokens (id, expires_at) VALUES (:1, :2) ON CONFLICT DO NOTHING", id, expires);
}

void delete_revoked_tokens(db::Tx& tx, Time expired_by) {
    tx.exec("DELETE FROM revoked_tokens WHERE expires_at <= :1", expired_by);
}

}  // namespace corral::identity::store
