#include "platform/http/message.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temp_folder.hpp"
#include "support/results.hpp"

namespace corral::http {
namespace {

using testing_support::fails_with;
using testing_support::value_of;

TEST(Headers, are_found_without_case_and_kept_in_order) {
    Headers headers;
    headers.add("X-Api-Key", "one");
    headers.add("accept", "a");
    headers.add("x-api-key", "two");
    EXPECT_EQ(headers.get("X-API-KEY"), "one") << "the first counts";
    EXPECT_EQ(headers.all().size(), 3U);
    headers.set("X-API-Key", "three");
    EXPECT_EQ(headers.get("x-api-key"), "three");
    EXPECT_EQ(headers.all().size(), 2U) << "set replaces all of the name";
    headers.erase("ACCEPT");
    EXPECT_EQ(headers.find("accept"), std::nullopt);
    EXPECT_EQ(headers.get("accept"), "");
}

TEST(Method, is_read_exactly) {
    for (const Method method :
         {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::del, Method::options})
        EXPECT_EQ(method_from_text(to_text(method)), method);
    for (const char* text : {"get", "Get", "GETX", "", "TRACE", "CONNECT"})
        EXPECT_EQ(method_from_text(text), Method::other) << text;
}

TEST(FileBody, is_a_part_of_a_file_that_outlives_its_name) {
    const TempFolder folder;
    std::ofstream(folder / "f") << "0123456789";
    auto body = value_of(open_file_body(folder / "f", 2, 3));
    std::filesystem::remove(folder / "f");
    std::string text(3, '\0');
    EXPECT_EQ(::pread(*body.descriptor, text.data(), 3, static_cast<off_t>(body.offset)), 3);
    EXPECT_EQ(text, "234");
    const int number = *body.descriptor;
    body = {};
    EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "closed with its last owner";
}

TEST(FileBody, takes_ranges_inside_the_file_only) {
    const TempFolder folder;
    std::ofstream(folder / "f") << "0123456789";
    EXPECT_EQ(value_of(open_file_body(folder / "f")).length, 10U);
    EXPECT_EQ(value_of(open_file_body(folder / "f", 10)).length, 0U);
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "f", 11)));
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "f", 5, 6)));
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "f", 5, ~std::uint64_t{0})));
    EXPECT_TRUE(fails_with(Errc::not_found, open_file_body(folder / "absent")));
}

TEST(FileBody, is_never_anything_but_a_regular_file) {
    const TempFolder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "pipe"))) << "and opening does not wait for a writer";
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder.path())));
}

}  // namespace
}  // namespace corral::http
