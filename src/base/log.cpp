#include "base/log.hpp"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace corral::log {

namespace {

constexpr std::size_t file_bytes = 50U << 20;
constexpr std::size_t files_kept = 5;

thread_local std::string current_request;  // NOLINT: per-thread context of a line, restored by RequestScope

struct State {
    std::mutex mutex;
    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<const std::function<void(Level, std::string_view)>> tap;
    std::atomic<Level> level{Level::info};
};

// The process has one log, as it has one standard error; everything else is passed in.
State& state() {
    static State one;
    return one;
}

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::trace: return spdlog::level::trace;
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warn: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
        case Level::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

// One line a record: control characters are replaced, so that no text can forge a line or steer a terminal.
char printable(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c; }

// A value with blanks or quotes is quoted, so that no value can forge a field.
void append_value(std::string& out, std::string_view value) {
    const bool quoted = value.empty() || value.find_first_of(" \"=\t\r\n") != std::string_view::npos;
    if (quoted) out += '"';
    for (const char c : value) out += c == '"' ? '\'' : printable(c);
    if (quoted) out += '"';
}

void append_field(std::string& out, std::string_view key, std::string_view value) {
    out += ' ';
    out += key;
    out += '=';
    append_value(out, value);
}

}  // namespace

void configure(const Options& options) {
    std::vector<spdlog::sink_ptr> sinks;
    if (options.to_stderr) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    if (!options.file.empty())
        sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(options.file, file_bytes, files_kept));
    auto logger = std::make_shared<spdlog::logger>("corral", sinks.begin(), sinks.end());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    logger->set_level(to_spdlog(options.level));
    logger->flush_on(spdlog::level::info);
    std::lock_guard lock(state().mutex);
    state().logger = std::move(logger);
    state().level = options.level;
}

bool enabled(Level level) { return level >= state().level.load(std::memory_order_relaxed) && level != Level::off; }

std::optional<Level> level_from_text(std::string_view text) {
    std::string word;
    for (const char c : text) word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (word == "trace") return Level::trace;
    if (word == "debug") return Level::debug;
    if (word == "info") return Level::info;
    if (word == "warn" || word == "warning") return Level::warn;
    if (word == "error") return Level::error;
    return std::nullopt;
}

void write(Level level, std::string_view message, Fields fields) {
    if (!enabled(level)) return;
    std::string line;
    for (const char c : message) line += printable(c);
    for (const Field& field : fields) append_field(line, field.key, field.value);
    if (!current_request.empty()) append_field(line, "request", current_request);
    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<const std::function<void(Level, std::string_view)>> tap;
    {
        std::lock_guard lock(state().mutex);
        logger = state().logger;
        tap = state().tap;
    }
    if (logger) logger->log(to_spdlog(level), line);
    if (tap && *tap) (*tap)(level, line);
}

void set_tap(std::function<void(Level, std::string_view)> tap) {
    std::lock_guard lock(state().mutex);
    state().tap = std::make_shared<const std::function<void(Level, std::string_view)>>(std::move(tap));
}

RequestScope::RequestScope(std::string request_id) : previous_(std::exchange(current_request, std::move(request_id))) {}
RequestScope::~RequestScope() { current_request = std::move(previous_); }

}  // namespace corral::log
