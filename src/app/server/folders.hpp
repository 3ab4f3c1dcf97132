// Where the service keeps its state. Values; the folders are made by make_folders().
#pragma once

#include <string>
#include <vector>

#include "app/server/config.hpp"
#include "base/secret.hpp"

namespace corral::app {

struct Folders {
    std::string data;      // absolute; database, secret key, hypervisor state, unfinished uploads
    std::string machines;  // homes of machines
    std::string cache;     // pulled images
    std::string store;     // this server's own chunk store, unless CATALOG_STORE says otherwise

    [[nodiscard]] std::vector<std::string> usual() const;  // callers may name paths below these
    [[nodiscard]] std::vector<std::string> own() const;    // and never below these
};

// By the configuration; makes what is missing (mode 0700). Errc::unavailable when that fails.
Result<Folders> make_folders(const Config& config);

// known_hosts of this process's user, unless SSH_KNOWN_HOSTS names another file (quirk Q17).
std::string known_hosts_file(const Config& config);

// 32 bytes in <data>/secret.key (mode 0600), made at the first start.
Result<Secret> master_key(const Folders& folders);

}  // namespace corral::app
