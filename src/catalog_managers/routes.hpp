// The HTTP face of the catalog managers.
#pragma once

#include <vector>

#include "catalog_managers/service.hpp"
#include "platform/http/route.hpp"

namespace corral::catalog_managers {

std::vector<http::Route> routes(Service& service);

}  // namespace corral::catalog_managers
