// How a struct says what its JSON looks like. See json.hpp for use.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace corral::json {

enum class Presence { always, omit_zero, required };

template <class C, class M>
struct Member {
    std::string_view name;
    M C::* pointer;
    Presence presence;
    std::string_view description;
};

template <class C, class M>
constexpr Member<C, M> field(std::string_view name, M C::* p, std::string_view text = {}) {
    return {name, p, Presence::always, text};
}
template <class C, class M>
constexpr Member<C, M> omit(std::string_view name, M C::* p, std::string_view text = {}) {
    return {name, p, Presence::omit_zero, text};
}
template <class C, class M>
constexpr Member<C, M> required(std::string_view name, M C::* p, std::string_view text = {}) {
    return {name, p, Presence::required, text};
}

template <class... Members>
struct Object {
    std::string_view name;  // in the API document
    std::tuple<Members...> members;
};
template <class... Members>
constexpr Object<Members...> object(std::string_view name, Members... m) {
    return {name, std::tuple<Members...>{m...}};
}

template <class T>
concept described = requires { json_object(static_cast<const T*>(nullptr)); };

template <class E>
concept named_enum = std::is_enum_v<E> && requires(E e) { json_enum(e); };

// JSON text passed through as it is: must be valid JSON. Default: null.
struct Raw {
    std::string text = "null";
};

}  // namespace corral::json
