// Members found by a path, for filters and orders of lists.
#include "platform/json/property.hpp"

#include <gtest/gtest.h>

#include "platform/json/json.hpp"

namespace corral::json {
namespace {

struct Inner {
    std::int64_t cpus = 0;
    bool vtx = false;
};
constexpr auto json_object(const Inner*) {
    return object("Inner", field("cpus", &Inner::cpus), field("VT-x", &Inner::vtx));
}
struct Outer {
    std::string host_name, hostname;
    Inner cpu;
    std::vector<std::string> tags;
    std::vector<Inner> parts;
    std::map<std::string, int> counts;
    std::optional<double> ratio;
    std::optional<Inner> other;
    Secret password;
    Time at{};
    std::string seen;
};
constexpr auto json_object(const Outer*) {
    return object("Outer", field("host_name", &Outer::host_name), field("hostname", &Outer::hostname),
                  field("cpu", &Outer::cpu), field("tags", &Outer::tags), field("parts", &Outer::parts),
                  field("counts", &Outer::counts), omit("ratio", &Outer::ratio), omit("other", &Outer::other),
                  omit("password", &Outer::password), field("at", &Outer::at), field("seen", &Outer::seen));
}

Outer sample() {
    Outer o;
    o.host_name = "north";
    o.hostname = "south";
    o.cpu = {8, true};
    o.tags = {"a", "b"};
    o.parts = {{1, true}};
    o.counts["Key.dot"] = 3;
    o.other = Inner{2, false};
    o.password = Secret(std::string("hunter2"));
    return o;
}

// "(none)": the items have no such member. "(absent)": this one has no value there.
std::string text(const std::string& path, const Outer& item = sample()) {
    const auto property = Property<Outer>::find(path);
    if (!property) return "(none)";
    Leaf leaf;
    property->read(item, leaf);
    return leaf.kind == Leaf::Kind::absent ? "(absent)" : leaf.text;
}

TEST(Property, finds_nested_members_by_json_or_plain_name) {
    EXPECT_EQ(text("CPU.cpus"), "8");
    EXPECT_EQ(text("cpu.vtx"), "true");
    EXPECT_EQ(text("other.CPUs"), "2");
    EXPECT_EQ(text("tags"), "[a b]");
    EXPECT_EQ(text("counts.key.DOT"), "3") << "the rest is the key of a map";
    EXPECT_EQ(text("counts.nope"), "(absent)");
    EXPECT_EQ(text("ratio"), "(absent)");
}

TEST(Property, an_exact_name_wins_over_one_that_looks_like_it) {
    EXPECT_EQ(text("host_name"), "north");
    EXPECT_EQ(text("HOSTNAME"), "south");
    EXPECT_EQ(text("host-name"), "north");
}

TEST(Property, objects_lists_of_them_and_what_does_not_exist_have_no_text_Q93) {
    for (const char* path : {"cpu", "tags.0", "nope", "cpu.nope", "cpu.cpus.more", "", ".", "counts", "parts.cpus"})
        EXPECT_EQ(text(path), "(none)") << path;
    EXPECT_EQ(text("parts"), "(absent)");
    EXPECT_EQ(text("password"), "(absent)") << "secrets cannot be guessed by patterns (Q7)";
}

TEST(Property, numbers_and_times_compare_by_value_texts_by_bytes_and_nothing_comes_first) {
    const auto leaf = [](const char* path, const Outer& item) {
        Leaf out;
        Property<Outer>::find(path)->read(item, out);
        return out;
    };
    Outer small = sample();
    Outer large = sample();
    small.cpu.cpus = 9;
    large.cpu.cpus = 10;
    EXPECT_LT(compare(leaf("cpu.cpus", small), leaf("cpu.cpus", large)), 0);
    large.cpu.cpus = std::numeric_limits<std::int64_t>::max();
    small.cpu.cpus = large.cpu.cpus - 1;
    EXPECT_LT(compare(leaf("cpu.cpus", small), leaf("cpu.cpus", large)), 0) << "no bit of 64 is lost";
    small.seen = "2026-01-01T00:00:05Z";
    large.seen = "2026-01-01T00:00:05.5Z";
    EXPECT_LT(compare(leaf("seen", small), leaf("seen", large)), 0) << "although '.' stands before 'Z'";
    small.host_name = "Z";
    large.host_name = "a";
    EXPECT_LT(compare(leaf("host_name", small), leaf("host_name", large)), 0);
    large.ratio = -1;
    EXPECT_LT(compare(leaf("ratio", small), leaf("ratio", large)), 0);
    EXPECT_EQ(compare(leaf("ratio", small), leaf("ratio", small)), 0);
}

}  // namespace
}  // namespace corral::json
