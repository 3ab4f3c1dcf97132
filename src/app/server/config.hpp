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
    bool pending = false;  // of the contract, but without effect in this version
};
const std::vector<Key>& keys();

enum class Origin { fallback, file, flag, environment };
std::string_view to_text(Origin);

struct Setting {
    std::string value;
    Origin origin = Origin::fallback;
};

class Config {
public:
    // `flags` are the words after the command: `--config=FILE`, `--KEY=value`, `--KEY value`. Errc::invalid names the
    // unknown key and the nearest known one, or the value that does not fit its type.
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

private:
    std::map<std::string, Setting, std::less<>> settings_;
};

// "90s", "15m", "1h30m", "250ms", or a bare number of seconds.
Result<std::chrono::milliseconds> parse_duration(std::string_view);
// 1 t true yes on y / 0 f false no off n, in any case.
Result<bool> parse_boolean(std::string_view);

}  // namespace corral::app
