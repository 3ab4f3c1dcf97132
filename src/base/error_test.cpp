#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace corral {
namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return Error{Errc::invalid, "odd"};
    return number / 2;
}

Result<int> quarter(int number) {
    const int once = TRY(half(number));
    return TRY(half(once));
}

Result<void> check(int number, int& steps) {
    ++steps;
    TRY(half(number));
    ++steps;
    return {};
}

Result<std::unique_ptr<int>> boxed(int number) {
    auto box = TRY([&]() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(number); }());
    return box;
}

TEST(Result, try_passes_values_on_and_returns_the_first_error_unchanged) {
    EXPECT_EQ(quarter(8).value(), 2);
    const auto failed = quarter(6);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::invalid);
    EXPECT_EQ(failed.error().message, "odd");
}

TEST(Result, try_leaves_a_function_without_a_value_at_the_failing_line) {
    int steps = 0;
    EXPECT_TRUE(check(2, steps));
    EXPECT_EQ(steps, 2);
    EXPECT_FALSE(check(1, steps));
    EXPECT_EQ(steps, 3) << "nothing behind the failing line ran";
}

TEST(Result, try_moves_values_that_cannot_be_copied) { EXPECT_EQ(**boxed(7), 7); }

TEST(Error, a_bad_field_is_named_in_the_sentence_and_as_data) {
    const Error error = invalid_field("/specs/cpu", "must be a number");
    EXPECT_EQ(error.code, Errc::invalid);
    EXPECT_EQ(error.message, "/specs/cpu must be a number");
    EXPECT_EQ(error.fields, (std::vector<FieldError>{{"/specs/cpu", "must be a number"}}));
}

TEST(Error, system_errors_keep_the_path_out_of_what_callers_see) {
    struct Case {
        int number;
        Errc code;
    };
    for (const Case c : {Case{ENOENT, Errc::not_found}, Case{EACCES, Errc::forbidden}, Case{EPERM, Errc::forbidden},
                         Case{EEXIST, Errc::conflict}, Case{ENOSPC, Errc::internal}, Case{EIO, Errc::internal}}) {
        const Error error = system_error(c.number, "open /secret/place");
        EXPECT_EQ(error.code, c.code) << c.number;
        EXPECT_EQ(error.message.find("/secret"), std::string::npos) << error.message;
        EXPECT_TRUE(error.detail.starts_with("open /secret/place: ")) << error.detail;
    }
    EXPECT_EQ(system_error(ENOSPC, "write x").message, "No space is left on the disk");
}

}  // namespace
}  // namespace corral
