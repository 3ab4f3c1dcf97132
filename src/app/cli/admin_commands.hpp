// Commands of whoever administers this host: they work on files and the database, not through the API. Each returns an
// exit code (ExitCode).
#pragma once

#include <string>
#include <vector>

#include "app/cli/output.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::cli {

// `flags` as of `serve`: "--DATABASE_FOLDER=…", "--config=FILE". `password` empty: asked for (ask_password()).
int update_root_password(const std::vector<std::string>& flags, Secret password);

struct PrivateKeyOptions {
    std::string file = "private.key";
    std::string type = "rsa";  // or "ec"
    int bits = 2048;
    bool overwrite = false;
};
// Writes a private key that nobody else may read, and tells the line that configuration wants.
int make_private_key(const PrivateKeyOptions& options);

struct ServiceOptions {
    std::string root;     // "" for this system; else everything is written below this folder and nothing is started
    std::string program;  // default: this program
    std::string file;     // JSON of the reference's installer, or a configuration file of ours
    std::vector<std::string> settings;  // "KEY=value"
    Secret root_password;
    bool start = true;
    bool full = false;  // uninstall: configuration and data too
};
// Result with one sentence, so that the reference's command line can print it its own way.
Result<std::string> install_service(const ServiceOptions& options);
Result<std::string> uninstall_service(const ServiceOptions& options);
// The systemd unit that runs `program` with `config_file`.
std::string service_unit(const std::string& program, const std::string& config_file);

// `prldevops WORD…`: the reference's command line, as far as this version has its parts (behaviour-a 5.1).
int prldevops(const std::vector<std::string>& words);

}  // namespace corral::cli
