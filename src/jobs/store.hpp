// SQL of jobs.
#pragma once

#include <map>
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
bool remove(db::Tx&, const std::string& id);               // false: it is gone already
std::vector<std::string> finished_ids(db::Tx&, const std::string& owner);
// Finished jobs that are older than `before` or beyond the newest `kept`.
void trim(db::Tx&, Time before, std::int64_t kept);
std::map<std::string, std::int64_t> counts(db::Tx&);  // by state

// Which controller ("" on SQLite) runs an unfinished job.
void assign(db::Tx&, const std::string& job, const std::string& controller);
bool assigned(db::Tx&, const std::string& job, const std::string& controller);
void release(db::Tx&, const std::string& job);
bool ask_to_stop(db::Tx&, const std::string& job);                                // false: nobody runs it
std::map<std::string, bool> assigned_to(db::Tx&, const std::string& controller);  // job → it is asked to stop
std::vector<std::string> controllers(db::Tx&);                                    // that have jobs
// Unfinished jobs of this controller, and those that nobody has.
std::vector<Job> to_resume(db::Tx&, const std::string& controller);

}  // namespace corral::jobs::store
