// Structured log lines. Thread-safe. Fields of type Secret print as ***; there is no other way to pass one in.
// Use: log::info("machine started", {{"machine", id}, {"took_ms", 12}});
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.hpp"
#include "base/secret.hpp"

namespace corral::log {

enum class Level { trace, debug, info, warn, error, off };

struct Field {
    std::string_view key;
    std::string value;
    Field(std::string_view k, std::string_view v) : key(k), value(v) {}
    Field(std::string_view k, const char* v) : key(k), value(v) {}
    Field(std::string_view k, const std::string& v) : key(k), value(v) {}
    Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
    Field(std::string_view k, int v) : key(k), value(std::to_string(v)) {}
    Field(std::string_view k, long v) : key(k), value(std::to_string(v)) {}
    Field(std::string_view k, long long v) : key(k), value(std::to_string(v)) {}
    Field(std::string_view k, unsigned long v) : key(k), value(std::to_string(v)) {}
    Field(std::string_view k, unsigned long long v) : key(k), value(std::to_string(v)) {}
    Field(std::string_view k, double v) : key(k), value(std::to_string(v)) {}
    Field(std::string_view k, const Secret&) : key(k), value("***") {}
    template <class Tag>
    Field(std::string_view k, const Id<Tag>& v) : key(k), value(v.text) {}
};
using Fields = std::initializer_list<Field>;

// Once at start. `file` empty: standard error only. Both may be given.
struct Options {
    Level level = Level::info;
    std::string file;  // appended to; rotated at 50 MB, five kept
    bool to_stderr = true;
};
void configure(const Options&);
bool enabled(Level);
std::optional<Level> level_from_text(std::string_view);  // trace, debug, info, warn(ing), error, in any case

void write(Level, std::string_view message, Fields = {});
inline void debug(std::string_view m, Fields f = {}) { write(Level::debug, m, f); }
inline void info(std::string_view m, Fields f = {}) { write(Level::info, m, f); }
inline void warn(std::string_view m, Fields f = {}) { write(Level::warn, m, f); }
inline void error(std::string_view m, Fields f = {}) { write(Level::error, m, f); }

// Every line also goes to this function (the live log stream); called without locks held, may be empty.
void set_tap(std::function<void(Level, std::string_view line)>);

// The request this thread works for: added to each of its lines. Restored when the scope ends.
class RequestScope {
public:
    explicit RequestScope(std::string request_id);
    ~RequestScope();
    RequestScope(const RequestScope&) = delete;
    RequestScope& operator=(const RequestScope&) = delete;

private:
    std::string previous_;
};

}  // namespace corral::log
