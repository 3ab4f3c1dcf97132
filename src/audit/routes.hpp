// The HTTP face of audit.
#pragma once

#include <vector>

#include "audit/audit.hpp"
#include "platform/http/dispatch.hpp"

namespace corral::audit {

std::vector<http::Route> routes(Trail& trail);
// Notes the attempts to change something that were refused (401, 403).
class Refusals final : public http::Observer {
public:
    explicit Refusals(Trail& trail) : trail_(trail) {}
    void end(const http::Exchange& exchange) override;

private:
    Trail& trail_;
};

}  // namespace corral::audit
