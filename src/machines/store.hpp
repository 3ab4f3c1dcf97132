// SQL of machines: what the service itself knows about them; the rest is asked of the hypervisor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "platform/db/db.hpp"

namespace corral::machines::store {

struct Record {
    std::string id, name;
    std::string owner;   // user id of who made it
    std::string home;    // its folder, ends in '/'
    std::string digest;  // of the image it was made from; "" for none
    std::string phase = "creating";
    Time created_at{};
};

std::vector<Record> all(db::Tx& tx);
std::optional<Record> find(db::Tx& tx, const std::string& id);
void insert(db::Tx& tx, const Record& record);
void set_phase(db::Tx& tx, const std::string& id, const std::string& phase);
void rename(db::Tx& tx, const std::string& id, const std::string& name);
void remove(db::Tx& tx, const std::string& id);  // with its links to bases

// `machine` stands on disk layers in the home of `base`, and on all that `base` stands on.
void link(db::Tx& tx, const std::string& machine, const std::string& base);
void unlink(db::Tx& tx, const std::string& machine);
std::vector<std::string> bases(db::Tx& tx, const std::string& machine);
bool carries(db::Tx& tx, const std::string& base);

}  // namespace corral::machines::store
