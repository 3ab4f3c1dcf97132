// SQL of events.
#pragma once

#include <vector>

#include "events/service.hpp"

namespace corral::events::store {

std::int64_t last_sequence(db::Tx&);
std::int64_t oldest_sequence(db::Tx&);
void insert(db::Tx&, const Event&);
std::vector<Event> since(db::Tx&, std::int64_t sequence, std::size_t limit);
void keep_newest(db::Tx&, std::int64_t count);

}  // namespace corral::events::store
