// The reference's command line under its own name: its words are turned into ours. What belongs to parts that this
// version does not have says so, and fails.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>

#include "app/cli/admin_commands.hpp"
#include "app/cli/commands.hpp"
#include "app/server/app.hpp"
#include "app/server/serve.hpp"
#include "platform/json/json.hpp"

namespace corral::cli {

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string without_quotes(std::string text) {
    if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.front() == text.back())
        return text.substr(1, text.size() - 2);
    return text;
}

// `--name=value` and `--name value` (quirk Q21), names without case, quotes around values taken off.
struct Words {
    std::vector<std::string> plain;
    std::map<std::string, std::string> flags;  // lower case
    std::optional<std::string> take(const std::string& name) {
        const auto node = flags.extract(name);
        if (node.empty()) return std::nullopt;
        return node.mapped();
    }
};
constexpr std::array switches{"full", "start-after-pull", "insecure", "help", "version"};

Words parse(const std::vector<std::string>& words) {
    Words out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (!words[i].starts_with("--")) {
            out.plain.push_back(words[i]);
            continue;
        }
        const auto equals = words[i].find('=');
        const std::string name =
            lower(std::string_view(words[i]).substr(2, equals == std::string::npos ? equals : equals - 2));
        const bool alone = std::ranges::find(switches, name) != switches.end();
        if (equals != std::string::npos)
            out.flags[name] = without_quotes(words[i].substr(equals + 1));
        else if (!alone && i + 1 < words.size())
            out.flags[name] = without_quotes(words[++i]);
        else
            out.flags[name] = "true";
    }
    return out;
}

int usage_error(const std::string& text) {
    std::fprintf(stderr, "prldevops: %s; `prldevops help` lists the commands\n", text.c_str());
    return usage;
}

int missing_part(const std::string& command, const char* instead) {
    std::fprintf(stderr, "prldevops: %s is not part of this version%s%s\n", command.c_str(),
                 *instead == '\0' ? "" : "; ", instead);
    return failed;
}

int help() {
    std::puts(
        "Corral under the reference's name. Commands:\n"
        "  (none), api                       run the service; --config=FILE, --KEY=value\n"
        "  install [service]                 --file=FILE --root-password= --modules=a,b --api-port=\n"
        "  uninstall [service]               --full\n"
        "  update-root-password              --password= (better: standard input, or CORRAL_PASSWORD)\n"
        "  gen-rsa                           --file=private.key --rsa-key-size=2048\n"
        "  start VM, stop VM, exec VM CMD, delete VM\n"
        "  version, help\n"
        "Everything else is in `corral --help`.");
    return ok;
}

int version_line() {
    std::printf("Corral version %s (channel: stable)\n", std::string(app::version()).c_str());
    return ok;
}

struct Said {
    bool success = true;
    std::string message;
};
constexpr auto json_object(const Said*) {
    return json::object("Said", json::field("success", &Said::success), json::field("message", &Said::message));
}

// One line of JSON, as the reference's installer prints it.
int say(const Result<std::string>& result) {
    std::printf("%s\n", json::to_text(Said{result.has_value(), result ? *result : result.error().message}).c_str());
    return result ? ok : failed;
}

int install(Words words) {
    const std::string what = words.plain.empty() ? "service" : lower(words.plain.front());
    if (what != "service") return missing_part("install " + what, "use the packages of your system");
    ServiceOptions options;
    options.root = words.take("root").value_or("");  // ours: for packages and tests
    options.file = words.take("file").value_or("");
    if (const auto password = words.take("root-password")) options.root_password = Secret(*password);
    if (const auto modules = words.take("modules")) options.settings.push_back("ENABLED_MODULES=" + *modules);
    if (const auto port = words.take("api-port")) options.settings.push_back("API_PORT=" + *port);
    for (const auto& [name, value] : words.flags) {  // the rest are configuration keys
        std::string key = name;
        std::ranges::transform(key, key.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        options.settings.push_back((key += '=') += value);
    }
    return say(install_service(options));
}

int uninstall(Words words) {
    if (!words.plain.empty() && lower(words.plain.front()) != "service")
        return missing_part("uninstall " + words.plain.front(), "use the packages of your system");
    ServiceOptions options;
    options.full = words.take("full").value_or("false") == "true";
    options.root = words.take("root").value_or("");
    return say(uninstall_service(options));
}

int new_rsa_key(Words words) {
    PrivateKeyOptions options{.file = words.take("file").value_or("private.key"), .overwrite = true};
    const std::string size = words.take("rsa-key-size").value_or("2048");
    if (size.empty() || size.size() > 5 || size.find_first_not_of("0123456789") != std::string::npos)
        return usage_error("--rsa-key-size wants a number");
    options.bits = std::stoi(size);
    return make_private_key(options);
}

int root_password(Words words) {
    std::optional<std::string> given = words.take("password");
    if (given) std::fputs("prldevops: everybody on this host can see --password; better pipe it in\n", stderr);
    std::vector<std::string> flags;
    flags.reserve(words.flags.size());
    for (const auto& [name, value] : words.flags) (((flags.emplace_back("--") += name) += '=') += value);
    return update_root_password(flags, Secret(given.value_or("")));
}

int on_machine(const std::string& command, const Words& words) {
    if (words.plain.empty()) return usage_error(command + " wants the name or id of a machine");
    const std::string& machine = words.plain.front();
    const Context context;
    if (command == "start") return vm_start(context, machine);
    if (command == "stop") return vm_stop(context, machine, false);
    if (command == "delete") return vm_delete(context, machine, false);
    if (words.plain.size() < 2) return usage_error("exec wants a command");
    return vm_exec(context, machine, {words.plain.begin() + 1, words.plain.end()});
}

}  // namespace

int prldevops(const std::vector<std::string>& words) {
    if (std::ranges::find(words, "--version") != words.end()) return version_line();
    const bool named = !words.empty() && !words.front().starts_with("--");
    const std::string command = named ? lower(words.front()) : "api";
    const std::vector<std::string> rest(words.begin() + (named ? 1 : 0), words.end());
    if (command == "version") return version_line();
    if (command == "help" || (!named && std::ranges::find(words, "--help") != words.end())) return help();
    if (command == "api") {
        std::vector<std::string> flags;
        for (const std::string& word : rest) {
            const auto equals = word.find('=');
            flags.push_back(equals == std::string::npos
                                ? word
                                : word.substr(0, equals + 1) + without_quotes(word.substr(equals + 1)));
        }
        return app::serve(flags);
    }
    Words parsed = parse(rest);
    if (command == "install") return install(std::move(parsed));
    if (command == "uninstall") return uninstall(std::move(parsed));
    if (command == "gen-rsa") return new_rsa_key(std::move(parsed));
    if (command == "update-root-pass" || command == "update-root-password") return root_password(std::move(parsed));
    if (command == "start" || command == "stop" || command == "exec" || command == "delete")
        return on_machine(command, parsed);
    if (command == "catalog" || command == "push" || command == "pull")
        return missing_part(command + " by a PDFile", "use `corral push`, `corral pull` and `corral list`");
    for (const char* absent :
         {"clone", "reverse-proxy", "test", "init-orchestrator-client", "register-with-orchestrator"})
        if (command == absent) return missing_part(command, "");
    return usage_error("there is no command " + words.front());  // quirk Q88: not the service by mistake
}

}  // namespace corral::cli
