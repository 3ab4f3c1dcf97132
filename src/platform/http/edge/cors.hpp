// Cross-origin rules of the Fetch standard as the contract narrows them (behaviour-a 2.5). Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/http/message.hpp"

namespace corral::http {

class Cors {
public:
    struct Settings {
        bool enabled = false;
        std::vector<std::string> origins;  // "*" or empty: all
        std::vector<std::string> methods;  // besides the usual ones
        std::vector<std::string> headers;  // besides the usual ones
        std::vector<std::string> exposed;  // headers of answers that pages may read; the contract has none
    };
    explicit Cors(Settings settings);

    [[nodiscard]] bool enabled() const { return settings_.enabled; }
    [[nodiscard]] bool origin_allowed(std::string_view origin) const;
    [[nodiscard]] Response preflight(const Request&) const;  // answer to OPTIONS
    void decorate(const Request&, Response&) const;          // adds the headers of an actual request

private:
    Settings settings_;
    bool any_origin_;
    std::string exposed_;
};

}  // namespace corral::http
