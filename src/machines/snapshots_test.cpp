// How snapshots are shown: by date, and as a tree that loses none.
#include "machines/snapshots.hpp"

#include <gtest/gtest.h>

namespace corral::machines {
namespace {

Snapshot snapshot(const std::string& id, const std::string& parent, int second) {
    return {.id = id, .name = "name of " + id, .parent = parent, .created = Time{std::chrono::seconds{second}}};
}

// "a(b c)": a with b and c below it.
std::string text(const std::vector<ShownSnapshot>& level) {
    std::string out;
    for (const ShownSnapshot& s : level) {
        out += (out.empty() ? "" : " ") + s.id;
        if (!s.children.empty()) out += "(" + text(s.children) + ")";
    }
    return out;
}

TEST(ShownSnapshots, M32_are_in_the_order_of_their_dates) {
    EXPECT_EQ(text(shown({snapshot("c", "", 3), snapshot("a", "", 1), snapshot("b", "", 2)})), "a b c");
    EXPECT_EQ(text(shown({snapshot("parent", "", 1), snapshot("child", "parent", 1)})), "parent child")
        << "those of one moment as the driver lists them";
}

TEST(ShownSnapshots, M32_a_tree_keeps_those_whose_parent_is_unknown) {
    EXPECT_EQ(text(as_tree(shown({snapshot("a", "", 1), snapshot("b", "a", 2), snapshot("c", "a", 3),
                                  snapshot("d", "b", 4), snapshot("orphan", "gone", 5), snapshot("e", "orphan", 6)}))),
              "a(b(d) c) orphan(e)");
    EXPECT_EQ(text(as_tree({})), "");
}

TEST(ShownSnapshots, M32_a_clock_that_was_set_back_does_not_break_the_tree) {
    EXPECT_EQ(text(as_tree(shown({snapshot("parent", "", 9), snapshot("child", "parent", 1)}))), "parent(child)");
}

TEST(ShownSnapshots, a_long_chain_is_a_tree_too) {
    std::vector<Snapshot> all;
    for (int i = 0; i < 500; ++i) all.push_back(snapshot(std::to_string(i), i == 0 ? "" : std::to_string(i - 1), i));
    int depth = 0;
    const auto tree = as_tree(shown(all));
    for (const auto* level = &tree; !level->empty(); level = &level->front().children) ++depth;
    EXPECT_EQ(depth, 500);
}

TEST(ShownSnapshots, say_what_the_machine_was_doing_in_the_words_of_prlctl) {
    Snapshot s = snapshot("a", "", 0);
    for (const auto& [state, word] :
         {std::pair{State::stopped, "poweroff"}, {State::running, "poweron"}, {State::paused, "pause"}}) {
        s.state = state;
        EXPECT_EQ(shown({s}).front().state, word);
    }
}

}  // namespace
}  // namespace corral::machines
