// The HTTP and WebSocket face of events.
#pragma once

#include <vector>

#include "events/hub.hpp"
#include "platform/http/route.hpp"

namespace corral::events {

std::vector<http::Route> routes(Hub& hub);

}  // namespace corral::events
