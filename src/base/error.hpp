// Expected failures: every operation that can fail for a reason outside the program returns Result<T>.
// Values only; safe to move between threads. Exceptions are left to bugs and exhausted memory.
#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace corral {

// Add a code only when a *program* must react differently; otherwise write a better message.
enum class Errc {
    invalid,          // the request is wrong: 400
    unauthenticated,  // no or bad credentials, or a claim is missing (clients re-login on it): 401
    forbidden,        // known caller, refused for good: 403
    not_found,        // absent, or invisible to this caller: 404
    conflict,         // taken, or in a state that excludes this: 409
    busy,             // try again in a moment: 503 with Retry-After
    too_large,        // body over its limit: 413
    too_many,         // rate limit: 429
    unsupported,      // this driver or build cannot do it: 501
    upstream,         // the hypervisor, a store or another service failed: 502
    unavailable,      // a part of this service is not up: 503
    timeout,          // the time allowed ran out: 504
    internal,         // a bug or an I/O error of ours: 500
};

// One bad member of a request. `path` is a JSON pointer ("/specs/cpu") or the name of a header or query parameter.
struct FieldError {
    std::string path;
    std::string problem;
    bool operator==(const FieldError&) const = default;
};

struct Error {
    Errc code = Errc::internal;
    std::string message;                  // shown to the caller: one sentence, no internals, no secret
    std::string detail = {};              // logged only: stderr of a tool, SQL state, path, errno
    std::vector<FieldError> fields = {};  // for `invalid`: every bad field
};

// std::expected of libstdc++ 12 is not [[nodiscard]]; this is.
template <class T>
struct [[nodiscard]] Result : std::expected<T, Error> {
    using std::expected<T, Error>::expected;
    Result(Error e) : std::expected<T, Error>(std::unexpected(std::move(e))) {}
};

template <>
struct [[nodiscard]] Result<void> : std::expected<void, Error> {
    using std::expected<void, Error>::expected;
    Result(Error e) : std::expected<void, Error>(std::unexpected(std::move(e))) {}
};

inline Error invalid_field(std::string path, std::string problem) {
    std::string text = path + " " + problem;
    return Error{Errc::invalid, std::move(text), "", {{std::move(path), std::move(problem)}}};
}

// The error code and a "what was attempted: errno text" detail for a failed system call.
Error system_error(int error_number, std::string attempted);

}  // namespace corral

// The value of a Result, or return its error from the enclosing function. A GNU statement expression (clang, g++).
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define TRY(...)                                                 \
    ({                                                           \
        auto try_result_ = (__VA_ARGS__);                        \
        if (!try_result_) return std::move(try_result_).error(); \
        *std::move(try_result_);                                 \
    })
