// The authorization matrix: every route × every kind of caller, each cell held against the committed matrix
// (docs/reference/authorization.md), which the contract's rows are compared with in authz_test.cpp. The gate decides
// before a handler runs, so the cells are asked at the real dispatcher, with real tokens and keys, and nothing happens.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "callers.hpp"

namespace corral::tests {
namespace {

struct Committed {
    std::string pattern, method, access;
};

// Rows "| `/v1/x` | GET | LIST_VM | 401 | 401 | in |".
std::vector<Committed> committed_matrix() {
    std::vector<Committed> out;
    std::ifstream file(CORRAL_MATRIX);
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("| `")) continue;
        std::vector<std::string> cells;
        for (std::size_t from = 2, end = line.find(" | ", from); end != std::string::npos;
             from = end + 3, end = line.find(" | ", from))
            cells.push_back(line.substr(from, end - from));
        out.push_back({cells.at(0).substr(1, cells.at(0).size() - 2), cells.at(1), cells.at(2)});
    }
    return out;
}

std::vector<std::string> claims_named_in(const std::vector<Committed>& rows) {
    std::set<std::string> out;
    for (const Committed& row : rows) {
        if (row.access.starts_with("open") || row.access == "any credential" || row.access.starts_with("role "))
            continue;
        std::string word;
        for (const char c : row.access + " ") {
            if (c != ' ') {
                word += c;
            } else {
                if (word != "and" && word != "or" && !word.empty()) out.insert(word);
                word.clear();
            }
        }
    }
    return {out.begin(), out.end()};
}

std::string without_parameters(std::string pattern) {
    for (auto at = pattern.find('{'); at != std::string::npos; at = pattern.find('{'))
        pattern.replace(at, pattern.find('}') - at + 1, "none");
    return pattern;
}

class Matrix : public ::testing::Test {
protected:
    Matrix()
        : rows(committed_matrix()),
          singles(claims_named_in(rows)),
          server(Server::Options{.accounts = accounts_of_callers(singles), .flags = {}, .hypervisor = {}}),
          callers(callers_of(server, singles)) {}

    // Where the matrix has this row, the answer of each caller that is not what it says: "caller: let in".
    std::vector<std::string> wrong_cells(const http::Dispatcher& dispatcher, const Committed& row) {
        std::vector<std::string> out;
        const bool at_root = !row.pattern.starts_with("/v1/") && dispatcher_has_root(dispatcher, row.pattern);
        for (const CallerKind& caller : callers) {
            http::Request request;
            request.method = http::method_from_text(row.method);
            request.method_text = row.method;
            request.target = (at_root ? "" : dispatcher.settings().prefix) + without_parameters(row.pattern);
            for (const auto& [name, value] : caller.headers) request.headers.add(name, value);
            request.peer = "127.0.0.1";
            const auto admission = dispatcher.admit(request);
            const bool in = !admission.refusal;
            if (admission.refusal && admission.refusal->status != 401)
                out.push_back(caller.name + ": " + std::to_string(admission.refusal->status));
            else if (in != let_in(row.access, caller.rights))
                out.push_back(caller.name + (in ? ": let in" : ": refused"));
        }
        return out;
    }

    static bool dispatcher_has_root(const http::Dispatcher& dispatcher, const std::string& pattern) {
        for (const http::Route& route : dispatcher.table())
            if (route.outside_prefix && route.pattern == pattern) return true;
        return false;
    }

    std::vector<Committed> rows;
    std::vector<std::string> singles;
    Server server;
    std::vector<CallerKind> callers;
};

TEST_F(Matrix, every_route_answers_every_kind_of_caller_as_committed) {
    EXPECT_GE(callers.size() - singles.size(), 25U);
    ASSERT_GT(rows.size(), 60U);
    const http::Dispatcher& dispatcher = server.app().dispatcher();
    std::size_t cells = 0;
    for (const Committed& row : rows) {
        SCOPED_TRACE(row.method + " " + row.pattern + ": " + row.access);
        EXPECT_EQ(wrong_cells(dispatcher, row), std::vector<std::string>{});
        cells += callers.size();
    }
    RecordProperty("cells", std::to_string(cells));
    // And nothing is served that the matrix does not name.
    std::set<std::string> known;
    for (const Committed& row : rows) known.insert(row.method + " " + row.pattern);
    for (const http::Route& route : dispatcher.table())
        for (const http::Method method : route.methods)
            EXPECT_TRUE(known.contains(std::string(to_text(method)) + " " + route.pattern)) << route.pattern;
}

// The same cells over sockets for one route of each kind of access: the network layer hands everything through.
TEST_F(Matrix, the_gate_is_the_same_over_the_network) {
    std::set<std::string> seen;
    for (const Committed& row : rows) {
        if (row.method != "GET" || row.access.starts_with("open") || row.pattern.starts_with("/v1/ws/") ||
            row.pattern.contains("stream") || !row.pattern.starts_with("/v1/") || !seen.insert(row.access).second)
            continue;
        for (const CallerKind& caller : callers) {
            SCOPED_TRACE(row.pattern + " by " + caller.name);
            const int status =
                server.call("GET", without_parameters(row.pattern), "", {.as = "", .headers = caller.headers}).status;
            EXPECT_EQ(status != 401, let_in(row.access, caller.rights)) << status;
        }
    }
    EXPECT_GT(seen.size(), 5U);
}

// The check of the check: whichever route loses its rule, or gets a weaker one, cells turn wrong.
TEST_F(Matrix, a_route_that_loses_its_rule_turns_cells_wrong) {
    const http::Dispatcher& real = server.app().dispatcher();
    std::vector<http::Route> table;
    for (const http::Route& route : real.table())
        if (route.module != "base") table.push_back(route);
    std::size_t guarded = 0;
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (!table[i].access.needs_credentials()) continue;
        ++guarded;
        const auto row = std::ranges::find_if(rows, [&](const Committed& r) {
            return r.pattern == table[i].pattern && r.method == to_text(table[i].methods.front());
        });
        ASSERT_NE(row, rows.end()) << table[i].pattern;
        const auto wrong_with = [&](http::Access access) {
            auto mutated = table;
            mutated[i].access = std::move(access);
            return wrong_cells(http::Dispatcher(std::move(mutated), real.authenticator(), real.settings()), *row)
                .size();
        };
        SCOPED_TRACE(row->method + " " + row->pattern + ": " + row->access);
        EXPECT_GT(wrong_with(http::open_to_anyone("a slip")), 0U);
        if (table[i].access.kind() != http::Access::Kind::signed_in) EXPECT_GT(wrong_with(http::signed_in()), 0U);
        if (table[i].access.kind() != http::Access::Kind::super_user) EXPECT_GT(wrong_with(http::super_users()), 0U);
        const auto& claims = table[i].access.claims();
        if (claims.size() > 1)
            for (const std::string& claim : claims) EXPECT_GT(wrong_with(http::all_of({claim})), 0U) << claim;
        if (!claims.empty()) EXPECT_GT(wrong_with(http::all_of({"LIST_NOTHING"})), 0U);
    }
    EXPECT_GT(guarded, 60U);
}

}  // namespace
}  // namespace corral::tests
