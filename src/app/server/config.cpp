#include "app/server/config.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace corral::app {

namespace {

constexpr double longest_duration = 1000.0 * 3600 * 24 * 36'525;  // a hundred years, in milliseconds

std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return out;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

const Key* find_key(std::string_view name) {
    const std::string wanted = upper(name);
    const auto found =
        std::ranges::find_if(keys(), [&](const Key& k) { return k.name == wanted || k.other_name == wanted; });
    return found == keys().end() ? nullptr : &*found;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

Error unknown_key(std::string_view name, std::string_view where) {
    const std::string wanted = upper(name);
    const auto nearest =
        std::ranges::min_element(keys(), {}, [&](const Key& k) { return edit_distance(wanted, k.name); });
    return invalid_field(std::string(name),
                         fmt::format("is no configuration key ({}); did you mean {}?", where, nearest->name));
}

Result<void> check_value(const Key& key, const std::string& value) {
    switch (key.type) {
        case KeyType::number: {
            long long number = 0;
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
            if (error != std::errc{} || end != value.data() + value.size() || number < 0)
                return invalid_field(std::string(key.name), "wants a whole number, not \"" + value + "\"");
            return {};
        }
        case KeyType::boolean:
            if (!parse_boolean(value))
                return invalid_field(std::string(key.name), "wants true or false, not \"" + value + "\"");
            return {};
        case KeyType::duration:
            if (!parse_duration(value))
                return invalid_field(std::string(key.name), "wants a time such as 90s or 1h30m, not \"" + value + "\"");
            return {};
        case KeyType::text:
        case KeyType::list: return {};
    }
    return {};
}

using Values = std::map<std::string, std::string, std::less<>>;

struct Flags {
    std::string config_file;
    Values values;
};

// `--KEY=value` and `--KEY value` (quirk Q21 names the reference's trouble with the second form).
Result<Flags> parse_flags(const std::vector<std::string>& words) {
    Flags out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        // The word itself may be a secret in the wrong place.
        if (!word.starts_with("--"))
            return invalid_field("Word " + std::to_string(i + 1), "is not a flag; write --KEY=value");
        const auto equals = word.find('=');
        const std::string name = word.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
        std::string value;
        if (equals != std::string::npos)
            value = word.substr(equals + 1);
        else if (i + 1 < words.size())
            value = words[++i];
        else
            return invalid_field(word, "needs a value");
        if (lower(name) == "config") {
            out.config_file = value;
            continue;
        }
        const Key* key = find_key(name);
        if (key == nullptr) return unknown_key(name, "flag");
        out.values[std::string(key->name)] = value;
    }
    return out;
}

std::optional<std::string> default_file() {
    for (const std::string& path : configuration_files())
        if (std::error_code ignored; std::filesystem::is_regular_file(path, ignored)) return path;
    return std::nullopt;
}

// JSON is read by the same parser: it is a subset of YAML.
struct File {
    Values values;
    std::vector<std::string> passed_over;  // sections
};
Result<File> read_file(const std::string& path) {
    File out;
    try {
        const YAML::Node root = YAML::LoadFile(path);
        if (root.IsNull()) return out;
        if (!root.IsMap()) return invalid_field(path, "must be a map with the member environment");
        for (const auto& entry : root)  // what the reference keeps beside it is told apart from a slip of the pen
            if (const auto name = entry.first.as<std::string>(); name != "environment" && name != "reverse_proxy")
                return invalid_field(name, "in " + path + " is unknown; keys stand below environment");
        if (root["reverse_proxy"] && !root["reverse_proxy"].IsNull()) out.passed_over.emplace_back("reverse_proxy");
        const YAML::Node environment = root["environment"];
        if (!environment || environment.IsNull()) return out;
        if (!environment.IsMap()) return invalid_field("environment", "in " + path + " must be a map of keys");
        for (const auto& entry : environment) {
            const auto name = entry.first.as<std::string>();
            const Key* key = find_key(name);
            if (key == nullptr) return unknown_key(name, path);
            if (!entry.second.IsNull()) out.values[std::string(key->name)] = entry.second.as<std::string>();
        }
    } catch (const YAML::Exception& e) {
        return Error{Errc::invalid, "The configuration file " + path + " cannot be read: " + e.what()};
    }
    return out;
}

}  // namespace

std::string_view to_text(Origin origin) {
    switch (origin) {
        case Origin::fallback: return "default";
        case Origin::file: return "file";
        case Origin::flag: return "flag";
        case Origin::environment: return "environment";
    }
    return "";
}

std::vector<std::string> configuration_files() {
    std::error_code ignored;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    std::vector<std::string> out;
    for (const auto& folder : {std::filesystem::path("/etc/corral"), program, program / "prldevops_config",
                               std::filesystem::path("/etc/prl-devops-service")})
        for (const char* name : {"prldevops_config", "config"})
            for (const char* ending : {".local.yaml", ".local.yml", ".local.json", ".yaml", ".yml", ".json"})
                out.push_back((folder / (std::string(name) + ending)).string());
    return out;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const Error bad{Errc::invalid, "A duration looks like 90s or 1h30m"};
    double total = 0;
    std::size_t at = 0;
    if (text.empty()) return bad;
    while (at < text.size()) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
        if (error != std::errc{} || !std::isfinite(number) || number < 0) return bad;
        at = static_cast<std::size_t>(end - text.data());
        std::string_view unit = text.substr(at);
        unit = unit.substr(0, std::min(unit.find_first_of("0123456789."), unit.size()));
        double scale = 0;
        if (unit == "ms")
            scale = 1;
        else if (unit == "s" || unit.empty())
            scale = 1000;
        else if (unit == "m")
            scale = 60'000;
        else if (unit == "h")
            scale = 3'600'000;
        else
            return bad;
        total += number * scale;
        at += unit.size();
    }
    if (!(total <= longest_duration)) return bad;
    return std::chrono::milliseconds{static_cast<long long>(total)};
}

Result<bool> parse_boolean(std::string_view text) {
    const std::string word = lower(text);
    for (const char* yes : {"1", "t", "true", "y", "yes", "on"})
        if (word == yes) return true;
    for (const char* no : {"0", "f", "false", "n", "no", "off"})
        if (word == no) return false;
    return Error{Errc::invalid, "A switch is true or false"};
}

Result<Config> Config::load(const std::vector<std::string>& words) {
    const Flags flags = TRY(parse_flags(words));
    Config config;
    config.file_ = flags.config_file.empty() ? default_file().value_or("") : flags.config_file;
    File read;
    if (!config.file_.empty()) read = TRY(read_file(config.file_));
    const Values& from_file = read.values;
    config.passed_over_ = read.passed_over;
    for (const Key& key : keys()) {
        Setting setting{std::string(key.fallback), Origin::fallback};
        // The environment wins over flags, flags over the file: the contract's order.
        if (auto it = from_file.find(key.name); it != from_file.end()) setting = {it->second, Origin::file};
        if (auto it = flags.values.find(key.name); it != flags.values.end()) setting = {it->second, Origin::flag};
        for (const std::string_view name : {key.other_name, key.name}) {
            if (name.empty()) continue;
            // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
            const char* env = std::getenv(std::string(name).c_str());
            if (env != nullptr && *env != '\0') setting = {env, Origin::environment};
        }
        if (!key.pending) TRY(check_value(key, setting.value));  // nobody reads the others
        config.settings_.emplace(key.name, std::move(setting));
    }
    return config;
}

const std::string& Config::text(std::string_view key) const { return settings_.find(key)->second.value; }
Secret Config::secret(std::string_view key) const { return Secret(text(key)); }
bool Config::is_set(std::string_view key) const { return settings_.find(key)->second.origin != Origin::fallback; }

long long Config::number(std::string_view key) const {
    const std::string& value = text(key);
    long long out = 0;
    std::from_chars(value.data(), value.data() + value.size(), out);
    return out;
}

bool Config::boolean(std::string_view key) const { return parse_boolean(text(key)).value_or(false); }

std::chrono::milliseconds Config::duration(std::string_view key) const {
    return parse_duration(text(key)).value_or(std::chrono::milliseconds{0});
}

std::vector<std::string> Config::list(std::string_view key) const {
    std::vector<std::string> out;
    std::string_view rest = text(key);
    while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        std::string_view item = rest.substr(0, comma);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
        while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
        while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
        if (!item.empty()) out.emplace_back(item);
    }
    return out;
}

std::string Config::print() const {
    std::string out;
    for (const Key& key : keys()) {
        const Setting& setting = settings_.find(key.name)->second;
        const std::string shown = key.secret && !setting.value.empty() ? "***" : setting.value;
        out += fmt::format("{} = {}  ({})\n", key.name, shown, to_text(setting.origin));
    }
    return out;
}

}  // namespace corral::app
