// What input is taken, and how what is wrong with it is told. json_test.cpp holds the codec as a whole.
#include "platform/json/read.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "platform/json/json.hpp"
#include "support/results.hpp"

namespace corral::json {
namespace {

using testing_support::fails_with;
using testing_support::refuses_field;
using testing_support::value_of;

enum class Colour { red, green };
constexpr auto json_enum(Colour) {
    return std::array<std::pair<std::string_view, Colour>, 2>{{{"red", Colour::red}, {"green", Colour::green}}};
}

struct Disk {
    std::string path;
    std::uint32_t size = 7;
};
constexpr auto json_object(const Disk*) {
    return object("Disk", required("path", &Disk::path), field("size", &Disk::size));
}

struct Everything {
    std::string text = "kept";
    bool flag = true;
    std::int32_t small = 5;
    std::int64_t large = 0;
    std::uint64_t huge = 0;
    double ratio = 0.5;
    Secret secret;
    UserId id;
    Time at{};
    Colour colour = Colour::green;
    std::optional<std::int32_t> maybe;
    std::optional<Disk> maybe_disk;
    std::vector<Disk> disks;
    std::map<std::string, std::int32_t> counts;
    std::map<std::string, std::vector<std::string>> lists;
    Raw raw;
};
constexpr auto json_object(const Everything*) {
    using E = Everything;
    return object("Everything", field("text", &E::text), field("flag", &E::flag), field("small", &E::small),
                  field("large", &E::large), field("huge", &E::huge), field("ratio", &E::ratio),
                  field("secret", &E::secret), field("id", &E::id), field("at", &E::at), field("colour", &E::colour),
                  field("maybe", &E::maybe), field("maybe_disk", &E::maybe_disk), field("disks", &E::disks),
                  field("counts", &E::counts), field("lists", &E::lists), field("raw", &E::raw));
}

struct Needs {
    std::string name;
    std::int32_t count = 0;
    bool flag = false;
    std::vector<std::string> list;
    Secret secret;
    UserId id;
    Disk disk;
};
constexpr auto json_object(const Needs*) {
    return object("Needs", required("name", &Needs::name), required("count", &Needs::count),
                  required("flag", &Needs::flag), required("list", &Needs::list), required("secret", &Needs::secret),
                  required("id", &Needs::id), required("disk", &Needs::disk));
}

struct Tags {
    std::vector<std::string> tags;
};
constexpr auto json_object(const Tags*) { return object("Tags", field("tags", &Tags::tags)); }

std::vector<std::string> bad_paths(const Error& error) {
    std::vector<std::string> out;
    for (const auto& f : error.fields) out.push_back(f.path);
    return out;
}

template <class T>
T read_one(const std::string& member, const std::string& value, T Everything::* pointer) {
    return value_of(read<Everything>("{\"" + member + "\":" + value + "}")).*pointer;
}

testing::AssertionResult refused(const std::string& member, const std::string& value) {
    return refuses_field("/" + member, read<Everything>("{\"" + member + "\":" + value + "}"));
}

TEST(Read, names_every_bad_member_at_any_depth_in_one_error) {
    const auto r = read<Everything>(R"({"text":1,"flag":"yes","small":1.5,"huge":-1,"ratio":"x","secret":[],"id":{},)"
                                    R"("at":"yesterday","colour":"blue","maybe":"7","maybe_disk":{"size":1},)"
                                    R"("disks":[{"path":"a"},{"size":-1},"b"],"counts":{"a/b":"x","c~d":null,"e":2.5},)"
                                    R"("lists":{"x":["y",3]}})");
    ASSERT_TRUE(fails_with(Errc::invalid, r));
    EXPECT_EQ(bad_paths(r.error()),
              (std::vector<std::string>{"/text", "/flag", "/small", "/huge", "/ratio", "/secret", "/id", "/at",
                                        "/colour", "/maybe", "/maybe_disk/path", "/disks/1/path", "/disks/1/size",
                                        "/disks/2", "/counts/a~1b", "/counts/e", "/lists/x/1"}));
    for (const auto& f : r.error().fields) EXPECT_FALSE(f.problem.empty());
    EXPECT_NE(r.error().message.find("/text must be text"), std::string::npos) << r.error().message;
}

TEST(Read, never_repeats_a_bad_value) {
    const auto r = read<Everything>(R"({"secret":{"hunter2":"hunter2"},"small":"hunter2","colour":"hunter2"})");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().message.find("hunter2"), std::string::npos);
    for (const auto& f : r.error().fields) EXPECT_EQ((f.path + f.problem).find("hunter2"), std::string::npos);
}

TEST(Read, required_means_there_and_not_empty) {
    const auto nothing = read<Needs>("{}");
    ASSERT_FALSE(nothing);
    EXPECT_EQ(bad_paths(nothing.error()),
              (std::vector<std::string>{"/name", "/count", "/flag", "/list", "/secret", "/id", "/disk"}));
    const auto empty = read<Needs>(R"({"name":"","count":null,"flag":null,"list":[],"secret":"","id":"","disk":{}})");
    ASSERT_FALSE(empty);
    EXPECT_EQ(bad_paths(empty.error()),
              (std::vector<std::string>{"/name", "/count", "/flag", "/list", "/secret", "/id", "/disk/path"}));
    const auto zero =
        read<Needs>(R"({"name":"n","count":0,"flag":false,"list":[""],"secret":"s","id":"i","disk":{"path":"p"}})");
    EXPECT_TRUE(testing_support::ok(zero)) << "0 and false are values";
}

TEST(Read, missing_and_null_members_keep_what_the_struct_starts_with) {
    for (const char* text :
         {"{}", R"({"text":null,"flag":null,"small":null,"ratio":null,"colour":null,"maybe":null,)"
                R"("maybe_disk":null,"disks":null,"counts":null,"at":null,"unknown":{"deep":[null]}})"}) {
        const auto r = value_of(read<Everything>(text));
        EXPECT_EQ(r.text, "kept");
        EXPECT_TRUE(r.flag);
        EXPECT_EQ(r.small, 5);
        EXPECT_EQ(r.colour, Colour::green);
        EXPECT_EQ(r.maybe, std::nullopt);
        EXPECT_FALSE(r.maybe_disk.has_value());
        EXPECT_TRUE(r.disks.empty());
    }
}

TEST(Read, a_null_inside_a_list_or_map_is_a_zero_element) {
    const auto r = value_of(read<Everything>(R"({"counts":{"a":null},"lists":{"b":null,"c":[null,"x"]}})"));
    EXPECT_EQ(r.counts.at("a"), 0);
    EXPECT_TRUE(r.lists.at("b").empty());
    EXPECT_EQ(r.lists.at("c"), (std::vector<std::string>{"", "x"}));
}

TEST(Read, an_exact_key_wins_over_other_spellings_and_the_last_of_those_counts) {
    EXPECT_EQ(value_of(read<Everything>(R"({"TEXT":"a","text":"b","Text":"c"})")).text, "b");
    EXPECT_EQ(value_of(read<Everything>(R"({"TEXT":"a","Text":"c"})")).text, "c");
    EXPECT_EQ(value_of(read<Everything>(R"({"text":"a","text":"b"})")).text, "b");
}

TEST(Read, whole_numbers_are_taken_up_to_their_types_bounds_and_in_every_spelling) {
    EXPECT_EQ(read_one("small", "2147483647", &Everything::small), 2147483647);
    EXPECT_EQ(read_one("small", "-2147483648", &Everything::small), std::numeric_limits<std::int32_t>::min());
    EXPECT_EQ(read_one("large", "-9223372036854775808", &Everything::large), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(read_one("large", "9223372036854775807", &Everything::large), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(read_one("huge", "18446744073709551615", &Everything::huge), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(read_one("small", "5.0", &Everything::small), 5);
    EXPECT_EQ(read_one("small", "1e3", &Everything::small), 1000);
    EXPECT_EQ(read_one("small", "-0", &Everything::small), 0);
    EXPECT_EQ(read_one("ratio", "3", &Everything::ratio), 3.0);
    EXPECT_EQ(read_one("ratio", "-2.5e-3", &Everything::ratio), -0.0025);
    EXPECT_EQ(read_one("ratio", "18446744073709551615", &Everything::ratio), 18446744073709551615.0);
}

TEST(Read, numbers_that_do_not_fit_are_refused_and_never_cut) {
    for (const auto& [member, value] : {std::pair{"small", "2147483648"},
                                        std::pair{"small", "-2147483649"},
                                        std::pair{"small", "4294967296"},
                                        std::pair{"small", "0.5"},
                                        std::pair{"small", "1e30"},
                                        std::pair{"small", "true"},
                                        std::pair{"small", "\"1\""},
                                        std::pair{"large", "9223372036854775808"},
                                        std::pair{"large", "1e19"},
                                        std::pair{"huge", "-1"},
                                        std::pair{"huge", "18446744073709551616"},
                                        std::pair{"huge", "-0.5"},
                                        std::pair{"flag", "1"},
                                        std::pair{"flag", "\"true\""},
                                        std::pair{"ratio", "\"1\""},
                                        std::pair{"ratio", "1e999"},
                                        std::pair{"at", "0"},
                                        std::pair{"colour", "0"},
                                        std::pair{"colour", "\"RED\""},
                                        std::pair{"disks", "{}"},
                                        std::pair{"counts", "[]"},
                                        std::pair{"maybe_disk", "[]"}})
        EXPECT_TRUE(refused(member, value)) << member << " " << value;
    EXPECT_TRUE(refuses_field("/disks/0/size", read<Everything>(R"({"disks":[{"path":"p","size":4294967296}]})")));
}

TEST(Read, text_is_unescaped_with_surrogate_pairs_joined) {
    EXPECT_EQ(read_one("text", R"("a\"\\\/\b\f\n\r\t\u00e9\u20AC")", &Everything::text), "a\"\\/\b\f\n\r\té€");
    EXPECT_EQ(read_one("text", R"("\ud83d\ude00")", &Everything::text), "\xF0\x9F\x98\x80");
    EXPECT_EQ(read_one("text", "\"\xF0\x9F\x98\x80\"", &Everything::text), "\xF0\x9F\x98\x80");
    EXPECT_EQ(read_one("text", R"("a\u0000b")", &Everything::text), std::string("a\0b", 3));
    EXPECT_EQ(read_one("text", "\"\"", &Everything::text), "") << "empty is a value";
}

TEST(Read, text_that_is_not_unicode_is_refused) {
    for (const char* value :
         {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\u0041")", R"("\u12")", R"("\x41")", "\"\xff\"",
          "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"a\nb\"", "\"a\x01\""})
        EXPECT_TRUE(fails_with(Errc::invalid, read<Everything>(std::string("{\"text\":") + value + "}"))) << value;
}

TEST(Read, documents_are_strict_json) {
    for (const char* text :
         {"{\"small\":01}", "{\"small\":+1}", "{\"small\":.5}", "{\"small\":1.}", "{\"ratio\":NaN}",
          "{\"ratio\":Infinity}", "{\"small\":0x10}", "{text:1}", "{\"a\":1}{\"b\":2}", "{\"a\":1,}", "[1,]", "{\"a\"}",
          "{/**/}", "{} // end", "\xEF\xBB\xBF{}", "{\"flag\":True}", "nul", "{\"text\":'x'}"})
        EXPECT_TRUE(fails_with(Errc::invalid, read<Everything>(text))) << text;
    EXPECT_TRUE(testing_support::ok(read<Everything>(" \t\r\n{ } \n")));
}

TEST(Read, depth_is_bounded_for_objects_and_lists_alike) {
    const auto nested = [](const std::string& open, const std::string& close, int depth) {
        std::string out;
        for (int i = 0; i < depth; ++i) out += open;
        out += "null";
        for (int i = 0; i < depth; ++i) out += close;
        return out;
    };
    EXPECT_TRUE(testing_support::ok(parse(nested("[", "]", 31))));
    EXPECT_TRUE(fails_with(Errc::invalid, parse(nested("[", "]", 33))));
    EXPECT_TRUE(testing_support::ok(parse(nested("{\"a\":", "}", 31))));
    EXPECT_TRUE(fails_with(Errc::invalid, parse(nested("{\"a\":", "}", 33))));
    EXPECT_TRUE(fails_with(Errc::invalid, parse(std::string(1'000'000, '['))));
}

TEST(Read, a_list_or_a_map_can_be_the_document) {
    EXPECT_EQ(value_of(read<std::vector<std::string>>(R"(["a","b"])")), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ((value_of(read<std::map<std::string, bool>>(R"({"a":true})")).at("a")), true);
    EXPECT_TRUE(refuses_field("/1", read<std::vector<std::string>>(R"(["a",1])")));
    EXPECT_TRUE(refuses_field("/", read<std::vector<std::string>>("{}")));
}

TEST(Read, raw_json_passes_through_with_our_escaping) {
    const auto r = value_of(read<Everything>(R"({"raw": { "b" : [1, 2.50, "<\u00e9>"], "a" : null } })"));
    EXPECT_EQ(r.raw.text, R"({"b":[1,2.5,"\u003cé\u003e"],"a":null})");
}

TEST(Read, what_was_written_reads_back_as_it_was) {
    Everything e;
    using namespace std::string_literals;
    e.text = "line\nquote\" back\\ <&> é \xF0\x9F\x98\x80 \xE2\x80\xA8 nul\0!"s;
    e.flag = false;
    e.small = std::numeric_limits<std::int32_t>::min();
    e.large = std::numeric_limits<std::int64_t>::max();
    e.huge = std::numeric_limits<std::uint64_t>::max();
    e.ratio = 0.1;
    e.id = UserId("u1");
    e.at = *from_rfc3339("2026-02-03T04:05:06.000007Z");
    e.maybe = 0;
    e.maybe_disk = Disk{"p", 1};
    e.disks = {{"a", 1}, {"b", 4294967295U}};
    e.counts = {{"", -1}, {"a/b", 2}};
    e.lists = {{"x", {}}, {"y", {"", "z"}}};
    e.raw.text = R"({"any":[true]})";
    const std::string text = write(e);
    const auto back = value_of(read<Everything>(text));
    EXPECT_EQ(write(back), text);
    EXPECT_EQ(back.text, e.text);
    EXPECT_EQ(back.huge, e.huge);
    EXPECT_EQ(back.at, e.at);
    EXPECT_EQ(back.maybe, 0);
    EXPECT_EQ(back.disks[1].size, 4294967295U);
}

TEST(Read, a_requests_text_may_not_hold_nul) {
    const auto in_request = [](const char* text) { return read<Everything>(text, {.request = true}); };
    EXPECT_TRUE(refuses_field("/text", in_request(R"({"text":"a\u0000b"})")));
    EXPECT_TRUE(refuses_field("/lists/x/1", in_request(R"({"lists":{"x":["y","\u0000"]}})")));
    EXPECT_TRUE(refuses_field("/counts", in_request(R"({"counts":{"\u0000":1}})")));
    EXPECT_TRUE(refuses_field("/raw/a", in_request(R"({"raw":{"a":"\u0000"}})")));
    EXPECT_TRUE(testing_support::ok(in_request(R"({"text":"\\u0000"})"))) << "a backslash and six letters";
}

TEST(Read, a_syntax_error_says_where) {
    const auto r = read<Everything>("{\"text\":\"a\",\n \"flag\":tru}");
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find("at line 2, byte 9"), std::string::npos) << r.error().message;
}

using Form = std::vector<std::pair<std::string, std::string>>;

TEST(ReadForm, takes_texts_for_what_they_spell) {
    const auto r = value_of(read_form<Everything>(Form{{"text", "12"},
                                                       {"Flag", "False"},
                                                       {"small", "-3"},
                                                       {"huge", "18446744073709551615"},
                                                       {"ratio", "2.5e1"},
                                                       {"maybe", "0"},
                                                       {"at", "2026-02-03T04:05:06Z"},
                                                       {"colour", "red"},
                                                       {"unknown", "x"}}));
    EXPECT_EQ(r.text, "12");
    EXPECT_FALSE(r.flag);
    EXPECT_EQ(r.small, -3);
    EXPECT_EQ(r.huge, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(r.ratio, 25.0);
    EXPECT_EQ(r.maybe, 0);
    EXPECT_EQ(r.colour, Colour::red);
    EXPECT_TRUE(value_of(read_form<Everything>(Form{{"flag", "1"}})).flag);
    EXPECT_EQ(value_of(read_form<Everything>(Form{{"small", ""}})).small, 5) << "nobody filled it in";
}

TEST(ReadForm, the_first_value_counts_and_lists_take_them_all) {
    EXPECT_EQ(value_of(read_form<Everything>(Form{{"text", "a"}, {"text", "b"}})).text, "a");
    EXPECT_EQ(value_of(read_form<Tags>(Form{{"tags", "x"}, {"other", "-"}, {"tags", "y"}})).tags,
              (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(value_of(read_form<Tags>(Form{{"tags", "x"}})).tags, (std::vector<std::string>{"x"}));
}

TEST(ReadForm, what_has_parts_is_refused_and_never_left_empty_Q47) {
    EXPECT_TRUE(refuses_field("/maybe_disk", read_form<Everything>(Form{{"maybe_disk", "{}"}})));
    EXPECT_TRUE(refuses_field("/counts", read_form<Everything>(Form{{"counts", "a"}})));
    EXPECT_TRUE(refuses_field("/small", read_form<Everything>(Form{{"small", "many"}})));
    EXPECT_TRUE(refuses_field("/flag", read_form<Everything>(Form{{"flag", "yes"}})));
    EXPECT_TRUE(refuses_field("/text", read_form<Everything>(Form{{"text", std::string("a\0", 2)}})));
}

// Found by tests/fuzz/json.cpp: Boost 1.81 reads one number in ten with the last bit wrong.
TEST(Read, numbers_with_fractions_are_read_to_the_last_bit) {
    std::uint64_t state = 1;
    for (int i = 0; i < 20'000; ++i) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const double number = static_cast<double>(state >> 11U) / static_cast<double>(1 + (state & 0xFFFFU));
        const std::string text = to_text(number);
        const auto value = value_of(parse(text));
        EXPECT_EQ(value.to_number<double>(), number) << text;
    }
    EXPECT_EQ(to_text(value_of(read<double>("-1e-999"))), "0");
}

TEST(Write, doubles_read_back_exactly_and_infinities_become_null) {
    for (const double number : {0.1, 1e-7, 1e15, 123456789.125, -0.0, 5e-324, 1.7976931348623157e308, 1e300 / 3})
        EXPECT_EQ(std::strtod(to_text(number).c_str(), nullptr), number) << to_text(number);
    EXPECT_EQ(to_text(std::numeric_limits<double>::infinity()), "null");
    EXPECT_EQ(to_text(std::numeric_limits<double>::quiet_NaN()), "null");
    EXPECT_EQ(to_text(1024.0), "1024");
    EXPECT_EQ(to_text(0.000001), "0.000001");
}

}  // namespace
}  // namespace corral::json
