#include "machines/store.hpp"

namespace corral::machines::store {

namespace {

std::vector<Record> select(db::Tx& tx, const std::string& where, const auto&... in) {
    std::vector<Record> out;
    for (auto& [id, name, owner, home, digest, phase, created] :
         tx.all<std::string, std::string, std::string, std::string, std::string, std::string, Time>(
             "SELECT id, name, owner, home, digest, phase, created_at FROM machines " + where +
                 " ORDER BY created_at, id",
             in...))
        out.push_back({id, name, owner, home, digest, phase, created});
    return out;
}

}  // namespace

std::vector<Record> all(db::Tx& tx) { return select(tx, ""); }

std::optional<Record> find(db::Tx& tx, const std::string& id) {
    auto found = select(tx, "WHERE id = :1", id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void insert(db::Tx& tx, const Record& r) {
    tx.exec(
        "INSERT INTO machines (id, name, owner, home, digest, phase, created_at) VALUES (:1, :2, :3, :4, :5, :6, :7)",
        r.id, r.name, r.owner, r.home, r.digest, r.phase, r.created_at);
}

void set_phase(db::Tx& tx, const std::string& id, const std::string& phase) {
    tx.exec("UPDATE machines SET phase = :1 WHERE id = :2", phase, id);
}

void rename(db::Tx& tx, const std::string& id, const std::string& name) {
    tx.exec("UPDATE machines SET name = :1 WHERE id = :2", name, id);
}

void remove(db::Tx& tx, const std::string& id) {
    unlink(tx, id);
    tx.exec("DELETE FROM machines WHERE id = :1", id);
}

void link(db::Tx& tx, const std::string& machine, const std::string& base) {
    tx.exec(
        "INSERT INTO machine_bases (machine_id, base_id) SELECT :1, base_id FROM machine_bases WHERE machine_id = :2",
        machine, base);
    tx.exec("INSERT INTO machine_bases (machine_id, base_id) VALUES (:1, :2)", machine, base);
}

void unlink(db::Tx& tx, const std::string& machine) {
    tx.exec("DELETE FROM machine_bases WHERE machine_id = :1", machine);
}

std::vector<std::string> bases(db::Tx& tx, const std::string& machine) {
    return tx.all<std::string>("SELECT base_id FROM machine_bases WHERE machine_id = :1 ORDER BY base_id", machine);
}

bool carries(db::Tx& tx, const std::string& base) {
    return tx.one<std::int64_t>("SELECT COUNT(*) FROM machine_bases WHERE base_id = :1", base).value_or(0) > 0;
}

}  // namespace corral::machines::store
