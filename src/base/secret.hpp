// A string that must not be shown: log lines and JSON answers print "***" for it, memory is wiped on destruction.
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
    Secret& operator=(const Secret&) = default;
    Secret(Secret&& other) noexcept : value_(std::exchange(other.value_, {})) {}
    Secret& operator=(Secret&& other) noexcept {
        wipe();
        value_ = std::exchange(other.value_, {});
        return *this;
    }
    ~Secret() { wipe(); }
    // The one way to the text; grep for it to review where secrets go.
    [[nodiscard]] const std::string& reveal() const { return value_; }
    [[nodiscard]] bool empty() const { return value_.empty(); }

private:
    void wipe() noexcept {
        for (volatile char* p = value_.data(); p != value_.data() + value_.size(); ++p) *p = 0;
    }
    std::string value_;
};

}  // namespace corral
