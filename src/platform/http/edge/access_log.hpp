// One line in the log for every request: method, route, target without credentials, status, bytes, time, caller,
// address, request id. Requests that ask for health are left out (behaviour-a 2.2). Any thread.
#pragma once

#include <string>
#include <string_view>

#include "platform/http/dispatch.hpp"

namespace corral::http {

class AccessLog final : public Observer {
public:
    void end(const Exchange& exchange) override;
};

// Masks credentials in a target for the log: the values of access_token, authorization and code (a sign-in's), however
// the name is escaped.
std::string loggable_target(std::string_view target);

}  // namespace corral::http
