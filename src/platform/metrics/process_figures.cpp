#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "platform/metrics/metrics.hpp"

namespace corral::metrics {

namespace {

// Fields of /proc/self/stat from the third on (proc(5)); the second, a name in brackets, may hold blanks.
std::vector<std::string> stat_fields() {
    std::ifstream file("/proc/self/stat");
    std::string line;
    std::getline(file, line);
    const auto bracket = line.rfind(')');
    std::vector<std::string> out;
    if (bracket == std::string::npos) return out;
    std::istringstream rest(line.substr(bracket + 1));
    for (std::string word; rest >> word;) out.push_back(word);
    return out;
}

// Unix time of the start of the system.
double boot_seconds() {
    std::ifstream file("/proc/stat");
    for (std::string word; file >> word;)
        if (word == "btime") {
            double out = 0;
            file >> out;
            return out;
        }
    return 0;
}

}  // namespace

ProcessFigures process_figures() {
    constexpr std::size_t utime = 11;
    constexpr std::size_t stime = 12;
    constexpr std::size_t num_threads = 17;
    constexpr std::size_t starttime = 19;
    constexpr std::size_t vsize = 20;
    constexpr std::size_t rss = 21;
    ProcessFigures out;
    const auto fields = stat_fields();
    if (fields.size() <= rss) return out;
    const auto number = [&](std::size_t at) { return std::strtoull(fields[at].c_str(), nullptr, 10); };
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    static const double boot = boot_seconds();
    out.cpu_seconds = static_cast<double>(number(utime) + number(stime)) / ticks;
    out.start_seconds = boot + static_cast<double>(number(starttime)) / ticks;
    out.threads = number(num_threads);
    out.virtual_bytes = number(vsize);
    out.resident_bytes = number(rss) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::error_code ignored;
    for (std::filesystem::directory_iterator it("/proc/self/fd", ignored), end; it != end; it.increment(ignored))
        ++out.open_files;
    return out;
}

}  // namespace corral::metrics
