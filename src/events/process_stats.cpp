#include "events/process_stats.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

namespace corral::events {

namespace {

constexpr std::size_t samples_kept = 10;

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The mean of the newest ten.
template <class T>
T smoothed(std::deque<T>& samples, T now) {
    samples.push_back(now);
    if (samples.size() > samples_kept) samples.pop_front();
    return std::accumulate(samples.begin(), samples.end(), T{}) / static_cast<T>(samples.size());
}

ProcessStats figures_of_now() {
    ProcessStats out;
    std::uint64_t total = 0, resident = 0;
    if (std::ifstream statm("/proc/self/statm"); statm >> total >> resident)
        out.memory_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto heap = ::mallinfo2();
    out.memory_alloc_bytes = heap.uordblks + heap.hblkhd;
    rusage used{};
    if (::getrusage(RUSAGE_SELF, &used) == 0) {
        out.cpu_user_seconds = seconds_of(used.ru_utime);
        out.cpu_system_seconds = seconds_of(used.ru_stime);
    }
    std::error_code error;
    const std::filesystem::directory_iterator tasks("/proc/self/task", error);
    if (!error) out.goroutines = std::distance(begin(tasks), end(tasks));
    return out;
}

}  // namespace

ProcessStats ProcessMeter::sample() { return sample(figures_of_now()); }

ProcessStats ProcessMeter::sample(ProcessStats raw) {
    const auto now = clock_.steady();
    const double cpu = raw.cpu_user_seconds + raw.cpu_system_seconds;
    const double passed = std::chrono::duration<double>(now - before_).count();
    raw.cpu_percent = first_ || passed <= 0 ? 0 : 100 * (cpu - cpu_before_) / passed;
    raw.memory_alloc_bytes = smoothed(allocated_, raw.memory_alloc_bytes);
    raw.goroutines_smoothed = smoothed(threads_, raw.goroutines);
    before_ = now;
    cpu_before_ = cpu;
    first_ = false;
    return raw;
}

}  // namespace corral::events
