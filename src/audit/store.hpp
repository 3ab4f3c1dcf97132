// SQL of audit.
#pragma once

#include <vector>

#include "audit/audit.hpp"

namespace corral::audit::store {

void insert(db::Tx&, const Record&);              // gives it the next sequence, whatever the record says
std::vector<Record> list(db::Tx&, const Query&);  // limit + 1 rows at most, so that a following page shows
// Entries older than `before`; and of the refused ones, and of the others, what is beyond the newest `kept`.
void trim(db::Tx&, Time before, std::int64_t kept);

}  // namespace corral::audit::store
