#include "platform/http/router.hpp"

#include <algorithm>

namespace corral::http {

std::vector<std::string> split_path(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
        const auto end = std::min(path.find('/'), path.size());
        if (end > 0) out.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return out;
}

Router::Router(const std::vector<Route>& table, const std::string& prefix) {
    for (const Route& route : table) {
        std::vector<std::string> patterns = route.aliases;
        patterns.insert(patterns.begin(), route.pattern);
        for (const std::string& pattern : patterns) {
            if (route.outside_prefix) {
                add(pattern, route);
                continue;
            }
            if (!pattern.starts_with("/v1/")) {
                add(prefix + pattern, route);
                continue;
            }
            add(prefix + pattern.substr(3), route);
            if (!route.unversioned_only) add(prefix + pattern, route);
        }
    }
}

void Router::add(const std::string& path, const Route& route) {
    Node* node = &root_;
    for (const std::string& segment : split_path(path)) {
        auto& next = segment.front() == '{' ? node->parameter : node->fixed[segment];
        if (!next) next = std::make_unique<Node>();
        node = next.get();
    }
    for (const Method method : route.methods) {
        for (const auto& [taken, other] : node->rows)
            if (taken == method && other != &route) detail::refuse_row(path, "another row has this method and path");
        node->rows.emplace_back(method, &route);
    }
}

// Visits every node that the path can mean, fixed segments first; keeps the first row that has the method.
void Router::collect(const Node& node, const std::vector<std::string>& segments, std::size_t at,
                     std::vector<std::string>& values, Method method, Match& match) {
    if (at == segments.size()) {
        for (const auto& [m, route] : node.rows) {
            if (std::ranges::find(match.allowed, m) == match.allowed.end()) match.allowed.push_back(m);
            if (match.route == nullptr && m == method) {
                match.route = route;
                match.path_values = values;
            }
        }
        return;
    }
    if (const auto it = node.fixed.find(segments[at]); it != node.fixed.end())
        collect(*it->second, segments, at + 1, values, method, match);
    if (node.parameter) {
        values.push_back(segments[at]);
        collect(*node.parameter, segments, at + 1, values, method, match);
        values.pop_back();
    }
}

Match Router::find(Method method, const std::vector<std::string>& segments) const {
    Match match;
    std::vector<std::string> values;
    collect(root_, segments, 0, values, method == Method::head ? Method::get : method, match);
    return match;
}

}  // namespace corral::http
