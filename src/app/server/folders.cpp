#include "app/server/folders.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"

namespace corral::app {

namespace {

constexpr std::size_t key_bytes = 32;

// The account's home by passwd(5): the environment is read in config.cpp only.
std::string home_folder() {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_dir;
    return "/tmp";
}

std::string or_below(const std::string& wanted, const std::string& data, const char* name) {
    return std::filesystem::absolute(wanted.empty() ? data + "/" + name : wanted).lexically_normal().string();
}

}  // namespace

std::vector<std::string> Folders::usual() const { return {machines, cache, store}; }

std::vector<std::string> Folders::own() const {
    return {data + "/corral.db",  data + "/corral.db-wal", data + "/corral.db-shm",
            data + "/secret.key", data + "/controller.id", data + "/hypervisor",
            data + "/work",       data + "/logs",          data + "/corral.pid"};
}

Result<Folders> make_folders(const Config& config) {
    Folders out;
    std::string data = config.text("DATABASE_FOLDER");
    if (data.empty()) data = geteuid() == 0 ? "/var/lib/corral" : home_folder() + "/.local/state/corral";
    out.data = std::filesystem::absolute(data).lexically_normal().string();
    while (out.data.size() > 1 && out.data.ends_with('/')) out.data.pop_back();
    out.machines = or_below(config.text("MACHINES_FOLDER"), out.data, "machines");
    out.cache = or_below(config.text("CATALOG_CACHE_FOLDER"), out.data, "cache");
    out.store = out.data + "/store";
    for (const std::string& folder : {out.data, out.machines, out.cache, out.data + "/work"}) {
        auto made = files::make_folders(folder, 0700);
        if (!made) return Error{Errc::unavailable, "The folder " + folder + " cannot be made", made.error().detail};
    }
    return out;
}

std::string known_hosts_file(const Config& config) {
    const std::string& file = config.text("SSH_KNOWN_HOSTS");
    return file.empty() ? home_folder() + "/.ssh/known_hosts" : file;
}

Result<Secret> master_key(const Folders& folders) {
    const std::string path = folders.data + "/secret.key";
    if (files::exists(path)) {
        std::string key = TRY(files::read_file(path));
        if (key.size() != key_bytes)
            return Error{Errc::unavailable, "The file " + path + " does not hold a key; restore it from a backup"};
        return Secret(std::move(key));
    }
    std::string key = crypto::random_bytes(key_bytes);
    TRY(files::replace_file(path, key, 0600));
    return Secret(std::move(key));
}

}  // namespace corral::app
