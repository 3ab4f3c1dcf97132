#include "app/server/references.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/server/app.hpp"
#include "base/temp_folder.hpp"
#include "platform/http/base_routes.hpp"

namespace corral::app {

namespace {

// Lets in whom the test names, whatever the request shows.
class Doorman final : public http::Authenticator {
public:
    Result<Caller> authenticate(const http::Request& /*request*/, bool /*query*/) const override {
        if (!principal) return Error{Errc::unauthenticated, "No credentials"};
        Caller caller;
        caller.principal = principal;
        return caller;
    }
    std::shared_ptr<const Principal> principal;
};

std::shared_ptr<const Principal> somebody(std::vector<std::string> claims, bool super_user) {
    Principal p;
    p.user_id = UserId("user");
    p.claims = std::move(claims);
    std::ranges::sort(p.claims);
    p.super_user = super_user;
    if (super_user) p.roles = {"SUPER_USER"};
    return std::make_shared<const Principal>(std::move(p));
}

std::string concrete(const http::Route& route, const std::string& prefix) {
    std::string out = route.outside_prefix ? "" : prefix;
    bool inside = false;
    for (const char c : route.pattern) {
        if (c == '{') out += 'x';
        if (c == '{' || c == '}') inside = c == '{';
        if (!inside && c != '}') out += c;
    }
    return out;
}

std::string answer(const http::Dispatcher& probe, http::Method method, const std::string& target) {
    http::Request request;
    request.method = method;
    request.method_text = std::string(to_text(method));
    request.target = target;
    const auto admission = probe.admit(request);
    return admission.refusal ? std::to_string(admission.refusal->status) : "in";
}

std::string one_line_type(KeyType type) {
    switch (type) {
        case KeyType::text: return "text";
        case KeyType::number: return "number";
        case KeyType::boolean: return "true or false";
        case KeyType::duration: return "time";
        case KeyType::list: return "list, by commas";
    }
    return "";
}

}  // namespace

std::string authorization_matrix(const http::Dispatcher& dispatcher) {
    std::vector<http::Route> table;
    for (const http::Route& route : dispatcher.table())
        if (route.module != "base") table.push_back(route);
    Doorman doorman;
    const http::Dispatcher probe(table, doorman, dispatcher.settings());
    std::vector<std::string> lines;
    for (const http::Route& route : probe.table()) {
        const std::string target = concrete(route, probe.settings().prefix);
        std::vector<std::string> patterns{route.pattern};
        patterns.insert(patterns.end(), route.aliases.begin(), route.aliases.end());
        for (const http::Method method : route.methods) {
            doorman.principal = nullptr;
            const std::string none = answer(probe, method, target);
            doorman.principal = somebody({"SOMETHING_ELSE"}, false);
            const std::string without = answer(probe, method, target);
            doorman.principal = somebody(route.access.claims(), route.access.kind() == http::Access::Kind::super_user);
            const std::string with = answer(probe, method, target);
            for (const std::string& pattern : patterns)
                lines.push_back(fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", pattern, to_text(method),
                                            route.access.describe(), none, without, with));
        }
    }
    std::ranges::sort(lines);
    std::string out =
        "# Who gets in where\n\n"
        "Made from the route table by `./dev generate`; a test compares. Columns: the answer to a request without\n"
        "credentials, by a caller without the claims, and by one with just these. \"in\" means the handler runs.\n\n"
        "| Route | Method | Access | nobody | without | with |\n|---|---|---|---|---|---|\n";
    for (const std::string& line : lines) out += line;
    return out;
}

std::string configuration_reference() {
    std::string out =
        "# Configuration keys\n\n"
        "Made from the key table by `./dev generate`. Each key comes from the environment, else from a flag\n"
        "`--KEY=value` of `corral serve`, else from the `environment` map of the file named by `--config`, else it "
        "has\n"
        "its default. Times are written `90s`, `15m`, `1h30m`. `corral serve --print-config` shows what is in "
        "force.\n\n"
        "| Key | Type | Default | Meaning |\n|---|---|---|---|\n";
    for (const Key& key : keys())
        out += fmt::format("| `{}` | {} | {} | {}{}{} |\n", key.name, one_line_type(key.type),
                           key.fallback.empty() ? "" : fmt::format("`{}`", key.fallback), key.help,
                           key.secret ? " (secret)" : "", key.pending ? " (no effect in this version)" : "");
    return out;
}

Result<std::string> reference(const std::string& name) {
    if (name == "configuration") return configuration_reference();
    if (name != "openapi" && name != "authorization")
        return Error{Errc::not_found,
                     "There is no reference " + name + "; known: openapi, authorization, configuration"};
    const TempFolder folder;
    const auto config = TRY(Config::load({"--DATABASE_FOLDER=" + folder.path(), "--HYPERVISOR=fake", "--API_PORT=0",
                                          "--ROOT_PASSWORD=not-used-by-anybody", "--LOG_LEVEL=error"}));
    const auto app = TRY(App::open(config));
    if (name == "authorization") return authorization_matrix(app->dispatcher());
    std::vector<http::Route> documented;
    for (const http::Route& route : app->dispatcher().table())
        if (!route.hidden) documented.push_back(route);
    return http::openapi_document(documented, "/api", std::string(version()));
}

}  // namespace corral::app
