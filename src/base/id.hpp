// Ids that cannot be mixed up: Id<struct MachineTag> and Id<struct JobTag> are different types around one string.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace corral {

template <class Tag>
struct Id {
    std::string text;
    Id() = default;
    explicit Id(std::string t) : text(std::move(t)) {}
    auto operator<=>(const Id&) const = default;
    bool operator==(const Id&) const = default;
    [[nodiscard]] bool empty() const { return text.empty(); }
};

// What a caller wrote where an id or a name may stand; the service resolves it.
template <class Tag>
struct Ref {
    std::string text;
    Ref() = default;
    explicit Ref(std::string t) : text(std::move(t)) {}
};

struct UserTag;
struct MachineTag;
struct JobTag;
struct ImageTag;
using UserId = Id<UserTag>;
using MachineId = Id<MachineTag>;
using JobId = Id<JobTag>;

}  // namespace corral

template <class Tag>
struct std::hash<corral::Id<Tag>> {
    std::size_t operator()(const corral::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.text); }
};
