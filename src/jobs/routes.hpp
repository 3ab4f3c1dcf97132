// The HTTP face of jobs.
#pragma once

#include <vector>

#include "jobs/service.hpp"
#include "platform/http/route.hpp"

namespace corral::jobs {

std::vector<http::Route> routes(Service& service);

}  // namespace corral::jobs
