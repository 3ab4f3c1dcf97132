#include "app/server/store.hpp"

namespace corral::app::store {

std::string keep_first(db::Tx& tx, const std::string& name, const std::string& value) {
    tx.exec("INSERT INTO installation (name, value) VALUES (:1, :2) ON CONFLICT (name) DO NOTHING", name, value);
    return tx.one<std::string>("SELECT value FROM installation WHERE name = :1", name).value();
}

}  // namespace corral::app::store
