// Installs and removes the few programs that released clients ask for (models-a 7.1, 7.2), as Debian packages, by
// argument vectors. Thread-safe: one change at a time, a second one is Errc::conflict. Blocks for minutes.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "platform/json/json.hpp"

namespace corral::system {

struct ToolRequest {
    std::string version;
    std::map<std::string, std::string> flags;
    bool uninstall_dependencies = false;
};
constexpr auto json_object(const ToolRequest*) {
    return json::object("ToolRequest", json::field("version", &ToolRequest::version, "Missing: the newest"),
                        json::field("flags", &ToolRequest::flags, "Accepted, no effect"),
                        json::field("uninstall_dependencies", &ToolRequest::uninstall_dependencies));
}

struct InstallToolsRequest {
    bool all = false;
    std::string run_as;
    std::optional<std::map<std::string, ToolRequest>> tools;
};
constexpr auto json_object(const InstallToolsRequest*) {
    return json::object("InstallToolsRequest", json::field("all", &InstallToolsRequest::all),
                        json::field("run_as", &InstallToolsRequest::run_as, "Accepted; packages are for all users"),
                        json::field("tools", &InstallToolsRequest::tools, "Wanted unless all is true"));
}

struct UninstallToolsRequest {
    bool all = false, uninstall_dependencies = false;
    std::string run_as;
    std::optional<std::map<std::string, ToolRequest>> tools;
};
constexpr auto json_object(const UninstallToolsRequest*) {
    return json::object("UninstallToolsRequest", json::field("all", &UninstallToolsRequest::all),
                        json::field("uninstall_dependencies", &UninstallToolsRequest::uninstall_dependencies),
                        json::field("run_as", &UninstallToolsRequest::run_as),
                        json::field("tools", &UninstallToolsRequest::tools, "Wanted unless all is true"));
}

struct ToolOutcome {
    bool success = false;
    std::string version, message;
};
constexpr auto json_object(const ToolOutcome*) {
    return json::object("ToolOutcome", json::field("success", &ToolOutcome::success),
                        json::omit("version", &ToolOutcome::version), json::omit("message", &ToolOutcome::message));
}

struct InstalledTools {
    bool success = true;
    std::map<std::string, ToolOutcome> installed_tools;
};
constexpr auto json_object(const InstalledTools*) {
    return json::object("InstallToolsResponse", json::field("success", &InstalledTools::success),
                        json::field("installed_tools", &InstalledTools::installed_tools));
}

struct UninstalledTools {
    bool success = true;
    std::map<std::string, ToolOutcome> uninstalled_tools;
};
constexpr auto json_object(const UninstalledTools*) {
    return json::object("UninstallToolsResponse", json::field("success", &UninstalledTools::success),
                        json::field("uninstalled_tools", &UninstalledTools::uninstalled_tools));
}

class Tools {
public:
    struct Options {
        std::string apt_get = "apt-get";  // looked up on PATH unless it holds a '/'
        bool as_root = true;              // refuse when this process is not root
        std::chrono::milliseconds limit{std::chrono::minutes{15}};
    };
    explicit Tools(Options options) : options_(std::move(options)) {}
    Tools() : Tools(Options{}) {}

    // Each tool's own outcome, in the order of their names (quirk Q64). Errc::invalid: neither tools nor all.
    Result<InstalledTools> install(const InstallToolsRequest& request);
    Result<UninstalledTools> uninstall(const UninstallToolsRequest& request);

private:
    ToolOutcome change(const std::string& name, const ToolRequest& wanted, bool remove, bool dependencies);

    Options options_;
    std::mutex mutex_;  // held while packages change
};

}  // namespace corral::system
