// Finds the row for a path: a tree of segments, a fixed segment before a parameter. Immutable after building; any
// thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/http/route.hpp"

namespace corral::http {

struct Match {
    const Route* route = nullptr;          // null: no row with that method
    std::vector<std::string> path_values;  // decoded parameters in path order
    std::vector<Method> allowed;           // methods of the path, when there is one
    [[nodiscard]] bool path_known() const { return !allowed.empty(); }
};

class Router {
public:
    // `prefix` "/api": rows are served below it with and without "/v1". Aborts when two rows claim one method and path.
    Router(const std::vector<Route>& table, const std::string& prefix);
    [[nodiscard]] Match find(Method, const std::vector<std::string>& segments) const;

private:
    struct Node {
        std::map<std::string, std::unique_ptr<Node>, std::less<>> fixed;
        std::unique_ptr<Node> parameter;
        std::vector<std::pair<Method, const Route*>> rows;
    };
    void add(const std::string& path, const Route&);
    static void collect(const Node&, const std::vector<std::string>&, std::size_t, std::vector<std::string>& values,
                        Method, Match&);
    Node root_;
};

std::vector<std::string> split_path(std::string_view path);

}  // namespace corral::http
