// For tests of every layer: results that explain themselves, and waiting for what happens on another thread.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "base/error.hpp"

namespace corral::testing_support {

template <class T>
testing::AssertionResult ok(const Result<T>& result) {
    if (result) return testing::AssertionSuccess();
    testing::AssertionResult out = testing::AssertionFailure()
                                   << result.error().message << " [" << result.error().detail << "]";
    for (const auto& field : result.error().fields) out << " " << field.path << " " << field.problem;
    return out;
}

template <class T>
testing::AssertionResult fails_with(Errc code, const Result<T>& result) {
    if (result) return testing::AssertionFailure() << "it succeeded";
    if (result.error().code == code) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "it failed with code " << static_cast<int>(result.error().code) << ": "
                                       << result.error().message << " [" << result.error().detail << "]";
}

// For an Errc::invalid that names exactly this member.
template <class T>
testing::AssertionResult refuses_field(const std::string& path, const Result<T>& result) {
    if (auto failed = fails_with(Errc::invalid, result); !failed) return failed;
    if (result.error().fields.size() == 1 && result.error().fields.front().path == path)
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << "it names other members: " << result.error().message;
}

// The value, or a failed test that says why (the exception ends it).
template <class T>
T value_of(Result<T> result) {
    EXPECT_TRUE(ok(result));
    return std::move(result).value();
}

// Looks again until `holds` or half a minute is over: for conditions that nothing announces.
inline bool eventually(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return true;
}

}  // namespace corral::testing_support
