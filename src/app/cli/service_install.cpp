// `corral install service`: configuration, unit, and systemd told about them. Everything but the last can be made below
// another root folder, for packages and tests.
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "app/cli/admin_commands.hpp"
#include "app/server/config.hpp"
#include "app/server/folders.hpp"
#include "platform/files/files.hpp"
#include "platform/process/process.hpp"

namespace corral::cli {

namespace {

constexpr const char* unit_name = "corral.service";
constexpr const char* unit_path = "/etc/systemd/system/corral.service";
constexpr const char* config_folder = "/etc/corral";
constexpr const char* config_path = "/etc/corral/config.yaml";

using Values = std::map<std::string, std::string>;

// What the reference's installer calls its settings (behaviour-a 5.7), each in its own key (quirk Q81).
const Values& installer_words() {
    static const Values words{{"port", "API_PORT"},
                              {"prefix", "API_PREFIX"},
                              {"root_password", "ROOT_PASSWORD"},
                              {"hmac_secret", "JWT_HMACS_SECRET"},
                              {"encryption_rsa_key", "ENCRYPTION_PRIVATE_KEY"},
                              {"log_level", "LOG_LEVEL"},
                              {"enable_tls", "TLS_ENABLED"},
                              {"tls_port", "TLS_PORT"},
                              {"tls_certificate", "TLS_CERTIFICATE"},
                              {"tls_private_key", "TLS_PRIVATE_KEY"},
                              {"disable_catalog_caching", "DISABLE_CATALOG_CACHING"},
                              {"enabled_modules", "ENABLED_MODULES"},
                              {"use_orchestrator_resources", "USE_ORCHESTRATOR_RESOURCES"},
                              {"log_output", "LOG_FILE_PATH"},
                              {"enable_cors", "ENABLE_CORS"},
                              {"cors_allowed_origins", "CORS_ALLOWED_ORIGINS"},
                              {"cors_allowed_methods", "CORS_ALLOWED_METHODS"},
                              {"cors_allowed_headers", "CORS_ALLOWED_HEADERS"}};
    return words;
}
// Without a meaning here: what the reference keeps for itself, or means by other keys.
constexpr std::array passed_over{"install_version", "token_duration_minutes", "mode", "disable_file_logging"};

std::string text_of(const YAML::Node& node) {
    if (!node.IsSequence()) return node.as<std::string>();
    std::string out;
    for (const auto& item : node) out += (out.empty() ? "" : ",") + item.as<std::string>();
    return out;
}

// Either our form (a map `environment`) or the reference's installer's words; JSON is YAML.
Result<Values> read_settings(const std::string& path) {
    Values out;
    try {
        const YAML::Node root = YAML::LoadFile(path);
        if (root.IsNull()) return out;
        if (!root.IsMap()) return invalid_field(path, "must be a map");
        if (const YAML::Node environment = root["environment"]; environment && environment.IsMap()) {
            for (const auto& entry : environment)
                if (!entry.second.IsNull()) out[entry.first.as<std::string>()] = text_of(entry.second);
            return out;
        }
        for (const auto& entry : root) {
            const auto name = entry.first.as<std::string>();
            if (entry.second.IsNull() || std::ranges::find(passed_over, name) != passed_over.end()) continue;
            const auto word = installer_words().find(name);
            if (word == installer_words().end())
                return invalid_field(name, "in " + path + " is no setting of the installer");
            out[word->second] = text_of(entry.second);
        }
        if (root["disable_file_logging"] && !root["disable_file_logging"].as<bool>()) out["LOG_TO_FILE"] = "true";
    } catch (const YAML::Exception& e) {
        return Error{Errc::invalid, path + " cannot be read: " + e.what()};
    }
    return out;
}

std::string emit(const Values& values) {
    YAML::Emitter out;
    out << YAML::Comment("Corral's configuration. It may hold secrets: only root may read it.") << YAML::BeginMap
        << YAML::Key << "environment" << YAML::Value << YAML::BeginMap;
    for (const auto& [key, value] : values) out << YAML::Key << key << YAML::Value << YAML::DoubleQuoted << value;
    out << YAML::EndMap << YAML::EndMap;
    return std::string(out.c_str()) + "\n";
}

Result<void> systemctl(std::vector<std::string> words) {
    std::vector<std::string> argv{"systemctl"};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto ran = process::run({.argv = argv, .env = {}, .time_limit = std::chrono::minutes{2}});
    std::string said = "systemctl";
    for (const auto& word : words) said += " " + word;
    if (!ran) return Error{Errc::unavailable, said + " cannot be run: " + ran.error().message, ran.error().detail};
    if (ran->exit_code != 0) {
        std::string why = ran->err.substr(0, ran->err.find('\n'));
        return Error{Errc::unavailable, said + " failed: " + why};
    }
    return {};
}

Result<std::string> this_program() {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return Error{Errc::internal, "The path of this program is not known", error.message()};
    return path.string();
}

// systemd splits an ExecStart at blanks and reads % and quotes.
bool plain_path(std::string_view path) {
    return path.starts_with('/') && path.find_first_of(" \t\r\n\"'\\%$;") == std::string_view::npos;
}

Result<void> check_values(const std::string& file) {
    const auto config = app::Config::load({"--config=" + file});
    if (!config) return config.error();
    return {};
}

}  // namespace

std::string service_unit(const std::string& program, const std::string& config_file) {
    return "[Unit]\n"
           "Description=Corral, fleets of virtual machines\n"
           "Documentation=file:///usr/share/doc/corral\n"
           "Wants=network-online.target\n"
           "After=network-online.target\n"
           "\n"
           "[Service]\n"
           "Type=exec\n"
           "ExecStart=" +
           program + " serve --config=" + config_file +
           "\n"
           "ExecReload=/bin/kill -HUP $MAINPID\n"
           "Restart=on-failure\n"
           "RestartSec=5\n"
           "TimeoutStopSec=90\n"
           "# Machines outlive the service: only the service itself is stopped.\n"
           "KillMode=process\n"
           "Delegate=yes\n"
           "LimitNOFILE=65536\n"
           "UMask=0077\n"
           "StateDirectory=corral\n"
           "StateDirectoryMode=0700\n"
           "# Machines inherit these, so they hold for QEMU, too.\n"
           "NoNewPrivileges=yes\n"
           "ProtectSystem=full\n"
           "ReadWritePaths=-/etc/corral\n"
           "ProtectHome=read-only\n"
           "PrivateTmp=yes\n"
           "ProtectClock=yes\n"
           "ProtectHostname=yes\n"
           "ProtectKernelLogs=yes\n"
           "ProtectKernelModules=yes\n"
           "RestrictRealtime=yes\n"
           "RestrictSUIDSGID=yes\n"
           "LockPersonality=yes\n"
           "SystemCallArchitectures=native\n"
           "\n"
           "[Install]\n"
           "WantedBy=multi-user.target\n";
}

Result<std::string> install_service(const ServiceOptions& options) {
    const bool here = options.root.empty();
    if (here && ::geteuid() != 0) return Error{Errc::forbidden, "Services are installed by root; use sudo"};
    const std::string program = options.program.empty() ? TRY(this_program()) : options.program;
    if (!plain_path(program))
        return Error{Errc::invalid, "The program's path " + program + " is not one that systemd takes as it is"};
    const std::string config_file = options.root + config_path;

    // What is configured already stays, and what is asked for now is put over it.
    Values values;
    if (files::exists(config_file)) values = TRY(read_settings(config_file));
    if (!options.file.empty())
        for (const auto& [key, value] : TRY(read_settings(options.file))) values[key] = value;
    for (const std::string& setting : options.settings) {
        const auto equals = setting.find('=');
        if (equals == std::string::npos || equals == 0)
            return invalid_field("KEY=value", "is how a setting is written");
        values[setting.substr(0, equals)] = setting.substr(equals + 1);
    }
    if (!options.root_password.empty()) values["ROOT_PASSWORD"] = options.root_password.reveal();

    TRY(files::make_folders(options.root + config_folder, 0755));
    const std::string trial = config_file + ".new";
    TRY(files::replace_file(trial, emit(values), 0600));
    auto checked = check_values(trial);  // before anything is in force
    TRY(files::remove_tree(trial));
    TRY(std::move(checked));
    TRY(files::replace_file(config_file, emit(values), 0600));
    TRY(files::make_folders(std::filesystem::path(options.root + unit_path).parent_path(), 0755));
    TRY(files::replace_file(options.root + unit_path, service_unit(program, config_path), 0644));
    if (!here) return "The service is written below " + options.root;
    TRY(systemctl({"daemon-reload"}));
    TRY(systemctl({"enable", unit_name}));
    if (!options.start) return std::string("The service is installed; `systemctl start corral` starts it");
    TRY(systemctl({"restart", unit_name}));
    return std::string("The service is installed and runs; `systemctl status corral` shows it");
}

Result<std::string> uninstall_service(const ServiceOptions& options) {
    const bool here = options.root.empty();
    if (here && ::geteuid() != 0) return Error{Errc::forbidden, "Services are removed by root; use sudo"};
    const std::string unit = options.root + unit_path;
    const std::string config_file = options.root + config_path;
    if (!files::exists(unit)) return Error{Errc::not_found, "The service is not installed"};
    std::string data = options.root + "/var/lib/corral";
    if (options.full && files::exists(config_file))
        if (const auto values = TRY(read_settings(config_file)); values.contains("DATABASE_FOLDER"))
            data = options.root + values.at("DATABASE_FOLDER");
    // Machines run on without the service, and this would take their disks from below them.
    std::error_code ignored;
    if (options.full && std::filesystem::exists(data + "/machines", ignored) &&
        !std::filesystem::is_empty(data + "/machines", ignored))
        return Error{Errc::conflict, "The data in " + data + " holds machines; delete them first, or leave the data"};
    if (here) TRY(systemctl({"disable", "--now", unit_name}));
    TRY(files::remove_tree(unit));
    if (here) TRY(systemctl({"daemon-reload"}));
    if (!options.full) return "The service is removed; its data and " + std::string(config_path) + " stay";
    TRY(files::remove_tree(data));
    TRY(files::remove_tree(config_file));
    return std::string("The service is removed with its configuration and data");
}

}  // namespace corral::cli
