// SQL of jobs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/model.hpp"
#include "platform/db/db.hpp"

namespace corral::jobs::store {

void insert(db::Tx&, const Job&);
bool update(db::Tx&, const Job&);  // all but id, owner, kind and input; false: the row is gone
std::optional<Job> find(db::Tx&, const std::string& id);
std::vector<Job> list(db::Tx&, const std::string& owner);  // "" for all; oldest first
std::vector<Job> unfinished(db::Tx&);
void remove(db::Tx&, const std::string& id);
std::vector<std::string> finished_ids(db::Tx&, const std::string& owner);
// Finished jobs that are older than `before` or beyond the newest `kept`.
void trim(db::Tx&, Time before, std::int64_t kept);

}  // namespace corral::jobs::store
