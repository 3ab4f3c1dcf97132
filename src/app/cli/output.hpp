// What the CLI shows: tables, JSON, progress bars on a terminal, and exit codes that scripts can use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace corral::cli {

enum ExitCode : int { ok = 0, failed = 1, usage = 2, not_signed_in = 3, not_found = 4, refused = 5 };

enum class Format { table, json };

// Columns aligned, heading in capitals; nothing but the heading when there are no rows.
std::string table(const std::vector<std::string>& heading, const std::vector<std::vector<std::string>>& rows);

// Prints "corral: MESSAGE" (and each bad field) to standard error; the exit code for the error.
int report(const Error&);

// A bar on standard error when that is a terminal, else one line a tenth. Not thread-safe.
class ProgressBar {
public:
    explicit ProgressBar(std::string title);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    void show(int percent, std::string_view note);
    void finish(std::string_view note);

private:
    std::string title_;
    bool terminal_;
    int shown_ = -1;
    std::string last_note_;
    bool open_ = false;
};

std::string human_bytes(std::uint64_t bytes);  // "1.5 GB", powers of 1000

}  // namespace corral::cli
