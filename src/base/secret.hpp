// A string that must not be shown: log lines and JSON answers print "***" for it, memory is wiped when it ends, is
// moved away or is replaced.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace corral {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret& other) { return *this = Secret(other); }
    Secret(Secret&& other) noexcept { swap(other); }
    Secret& operator=(Secret&& other) noexcept {
        wipe();
        swap(other);
        return *this;
    }
    ~Secret() { wipe(); }
    // The one way to the text; grep for it to review where secrets go.
    [[nodiscard]] const std::string& reveal() const { return value_; }
    [[nodiscard]] bool empty() const { return value_.empty(); }

private:
    void swap(Secret& other) noexcept {
        value_.swap(other.value_);
        other.wipe();
    }
    // Also what shorter texts left behind: short strings live in the object, and moving them copies.
    void wipe() noexcept {
        value_.resize(value_.capacity());
        for (volatile char* p = value_.data(); p != value_.data() + value_.size(); ++p) *p = 0;
        value_.clear();
    }
    std::string value_;
};

}  // namespace corral
