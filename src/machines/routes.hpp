// The HTTP face of machines.
#pragma once

#include <vector>

#include "machines/service.hpp"
#include "platform/http/route.hpp"

namespace corral::machines {

std::vector<http::Route> routes(Service& service);

}  // namespace corral::machines
