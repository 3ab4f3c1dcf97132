// Configuration: each key from the environment, else a flag `--KEY=value`, else the file's `environment` map, else its
// default (quirk Q82: an empty environment variable counts as unset). The only reader of the environment.
// Immutable after load(); any thread.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::app {

enum class KeyType { text, number, boolean, duration, list };

// One configuration key, as the generated reference shows it.
struct Key {
    std::string_view name;
    KeyType type = KeyType::text;
    std::string_view fallback;
    std::string_view help;
    bool secret = false;
    bool pending = false;              // of the contract, but without effect in this version
    std::string_view other_name = {};  // also taken
};
const std::vector<Key>& keys();
// Keys of the reference that mean nothing here, whatever the version: taken and said.
std::vector<Key> reference_keys();

enum class Origin { fallback, file, flag, environment };
std::string_view to_text(Origin);

struct Setting {
    std::string value;
    Origin origin = Origin::fallback;
};

class Config {
public:
    // `flags` are the words after the command: `--config=FILE`, `--KEY=value`, `--KEY value`. Errc::invalid names the
    // unknown key and the nearest known one, or the value that does not fit its type. Without `--config` the first file
    // of configuration_files() that is there is read.
    static Result<Config> load(const std::vector<std::string>& flags);

    [[nodiscard]] const std::string& text(std::string_view key) const;
    [[nodiscard]] Secret secret(std::string_view key) const;
    [[nodiscard]] long long number(std::string_view key) const;
    [[nodiscard]] bool boolean(std::string_view key) const;
    [[nodiscard]] bool is_set(std::string_view key) const;  // not its default
    [[nodiscard]] std::chrono::milliseconds duration(std::string_view key) const;
    [[nodiscard]] std::vector<std::string> list(std::string_view key) const;  // comma separated, trimmed
    // "KEY = value  (origin)" a line; secrets as ***.
    [[nodiscard]] std::string print() const;
    [[nodiscard]] const std::string& file() const { return file_; }  // that was read; "" for none
    // Sections of the file that mean nothing in this version (quirk Q86).
    [[nodiscard]] const std::vector<std::string>& passed_over() const { return passed_over_; }

private:
    std::map<std::string, Setting, std::less<>> settings_;
    std::string file_;
    std::vector<std::string> passed_over_;
};

// Where a configuration file is looked for, best first: /etc/corral, the folder of the program, its sub-folder
// prldevops_config, /etc/prl-devops-service; each with the names and endings of the contract.
std::vector<std::string> configuration_files();

// "90s", "15m", "1h30m", "250ms", or a bare number of seconds.
Result<std::chrono::milliseconds> parse_duration(std::string_view);
// 1 t true yes on y / 0 f false no off n, in any case.
Result<bool> parse_boolean(std::string_view);

}  // namespace corral::app
