#include "system/tools/tools.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "platform/process/process.hpp"

namespace corral::system {

namespace {

struct Tool {
    std::string_view name;
    std::string_view package;  // of Debian; empty: exists on macOS only
};
constexpr std::array<Tool, 6> known{{{"brew", ""},
                                     {"git", "git"},
                                     {"packer", "packer"},
                                     {"parallels", ""},
                                     {"parallels-desktop", ""},
                                     {"vagrant", "vagrant"}}};

// A version as Debian writes one (deb-version(7)); nothing that apt-get could take for another word.
bool well_formed(std::string_view version) {
    return !version.empty() && version.size() <= 100 && version.front() != '-' &&
           std::ranges::all_of(version, [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '.' || c == '+' || c == ':' || c == '~' || c == '-';
           });
}

// The last line that says something.
std::string last_line(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text.substr(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1).substr(0, 300);
}

std::map<std::string, ToolRequest> all_packages() {
    std::map<std::string, ToolRequest> out;
    for (const Tool& tool : known)
        if (!tool.package.empty()) out[std::string(tool.name)] = {};
    return out;
}

}  // namespace

ToolOutcome Tools::change(const std::string& name, const ToolRequest& wanted, bool remove, bool dependencies) {
    const auto tool = std::ranges::find(known, std::string_view(name), &Tool::name);
    if (tool == known.end()) return {.message = "There is no tool of this name; known: git, packer, vagrant"};
    if (tool->package.empty()) return {.message = name + " exists on macOS only"};
    if (!wanted.version.empty() && wanted.version != "latest" && !well_formed(wanted.version))
        return {.version = wanted.version, .message = "The version is not one that Debian could have"};
    if (options_.as_root && geteuid() != 0)
        return {.version = wanted.version, .message = "Packages can be changed by a service that runs as root only"};
    std::vector<std::string> argv{options_.apt_get, "-y", "-q", "-o", "DPkg::Lock::Timeout=60"};
    std::string package(tool->package);
    if (remove) {
        argv.insert(argv.end(), {"remove"});
        if (dependencies) argv.emplace_back("--auto-remove");
    } else {
        argv.insert(argv.end(), {"install", "--no-install-recommends"});
        if (!wanted.version.empty() && wanted.version != "latest") package += "=" + wanted.version;
    }
    argv.insert(argv.end(), {"--", package});
    log::info(remove ? "Removing a tool" : "Installing a tool", {{"tool", name}, {"package", package}});
    const auto ran =
        process::run({.argv = argv, .env = {{"DEBIAN_FRONTEND", "noninteractive"}}, .time_limit = options_.limit});
    if (!ran) {
        log::warn("A tool was not changed",
                  {{"tool", name}, {"why", ran.error().message}, {"detail", ran.error().detail}});
        return {.version = wanted.version,
                .message = ran.error().code == Errc::not_found ? "This host has no apt-get; install it by hand"
                                                               : ran.error().message};
    }
    if (ran->exit_code != 0) {
        const std::string why = last_line(ran->err.empty() ? ran->out : ran->err);
        log::warn("A tool was not changed", {{"tool", name}, {"exit", ran->exit_code}, {"why", why}});
        return {.version = wanted.version,
                .message = "apt-get ended with " + std::to_string(ran->exit_code) + ": " + why};
    }
    return {.success = true, .version = wanted.version, .message = ""};
}

Result<InstalledTools> Tools::install(const InstallToolsRequest& request) {
    if (!request.all && !request.tools) return invalid_field("/tools", "must name tools, unless all is true");
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return Error{Errc::conflict, "Tools are being changed already; try again later"};
    InstalledTools out;
    for (const auto& [name, wanted] : request.all ? all_packages() : *request.tools)
        out.installed_tools[name] = change(name, wanted, false, false);
    return out;
}

Result<UninstalledTools> Tools::uninstall(const UninstallToolsRequest& request) {
    if (!request.all && !request.tools) return invalid_field("/tools", "must name tools, unless all is true");
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return Error{Errc::conflict, "Tools are being changed already; try again later"};
    UninstalledTools out;
    // Git is everybody's: what `all` removes in the reference leaves it alone, too.
    auto wanted = request.all ? all_packages() : *request.tools;
    if (request.all) wanted.erase("git");
    for (const auto& [name, tool] : wanted)
        out.uninstalled_tools[name] = change(name, tool, true, request.uninstall_dependencies);
    return out;
}

}  // namespace corral::system
