#include "base/secret.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <ostream>
#include <string>

namespace corral {
namespace {

template <class T>
concept streamable = requires(std::ostream& out, const T& value) { out << value; };

// No way to the text but reveal().
static_assert(!streamable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_constructible_v<std::string, Secret>);
static_assert(!std::is_convertible_v<std::string, Secret>, "becoming a secret is written out");

// Storage that outlives the secret in it, to look at what is left. Short strings live in the object itself.
class Room {
public:
    Secret& make(const char* text) {
        return *std::construct_at(reinterpret_cast<Secret*>(bytes_.data()), Secret(std::string(text)));
    }
    Secret& secret() { return *std::launder(reinterpret_cast<Secret*>(bytes_.data())); }
    void destroy() { std::destroy_at(&secret()); }
    [[nodiscard]] bool holds(std::string_view text) const {
        const std::string_view all(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
        return all.find(text) != std::string_view::npos;
    }

private:
    alignas(Secret) std::array<std::byte, sizeof(Secret)> bytes_{};
};

TEST(Secret, leaves_nothing_in_memory_when_it_ends) {
    Room room;
    room.make("hunter2-hunter");
    ASSERT_TRUE(room.holds("unter2")) << "the text is where this test looks for it";
    room.destroy();
    EXPECT_FALSE(room.holds("unter2"));
}

TEST(Secret, leaves_nothing_behind_when_it_is_moved_away) {
    Room room;
    Secret elsewhere(std::move(room.make("hunter2-hunter")));
    EXPECT_FALSE(room.holds("unter2"));
    EXPECT_EQ(elsewhere.reveal(), "hunter2-hunter");
    EXPECT_TRUE(room.secret().empty());
    room.destroy();
}

TEST(Secret, leaves_nothing_of_the_old_text_when_another_takes_its_place) {
    Room room;
    room.make("hunter2-hunter");
    const Secret shorter(std::string("new"));
    room.secret() = shorter;
    EXPECT_EQ(room.secret().reveal(), "new");
    EXPECT_FALSE(room.holds("ter2-hunter"));
    room.secret() = Secret(std::string("last"));
    EXPECT_EQ(room.secret().reveal(), "last");
    room.destroy();
}

TEST(Secret, survives_being_assigned_to_itself) {
    Secret secret(std::string("hunter2"));
    const Secret& same = secret;
    secret = same;
    EXPECT_EQ(secret.reveal(), "hunter2");
}

}  // namespace
}  // namespace corral
