// The HTTP face of the catalog.
#pragma once

#include <vector>

#include "catalog/service.hpp"
#include "catalog/transfer.hpp"
#include "platform/http/route.hpp"

namespace corral::catalog {

std::vector<http::Route> routes(Service& service);
std::vector<http::Route> transfer_routes(Transfer& transfer);

}  // namespace corral::catalog
