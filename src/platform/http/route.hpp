// The typed route table. A module returns a vector<Route>; dispatch, the API document, the authorization matrix and
// its tests are made from it. A row binds path, body and result types from the signature of its handler:
//
//     get("/v1/machines/{machine}", all_of({"LIST_VM"}), "One machine",
//         [&](const Caller& who, Ref<MachineTag> machine) { return service.get(who, machine); }),
//     post("/v1/machines/{machine}/snapshots", any_of({...}), "Take a snapshot",
//          [&](const Caller& who, Ref<MachineTag> machine, TakeSnapshot body) { return ...; }).status(202),
//
// Handler parameters, in this order: const Caller&; then optionally const Request& (queries, headers); then one of
// Id<T>, Ref<T> or PathText per path parameter, in path order; then optionally one described struct, the JSON body.
// It returns Result<T>: a described struct, a vector of them, json::Raw or Response; Result<void> is an empty body.
// A vector from a GET row is a list: X-Filter, order_by and pages come by themselves (listing.hpp).
// Handlers block and run on the worker pool unless the row says inline_().
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/id.hpp"
#include "platform/http/access.hpp"
#include "platform/http/lists/listing.hpp"
#include "platform/http/message.hpp"
#include "platform/json/json.hpp"

namespace corral::http {

struct PathText {
    std::string text;
    PathText() = default;
    explicit PathText(std::string t) : text(std::move(t)) {}
};

// Which of the contract's two error bodies a route answers with (models-a 1.1 and 1.2).
enum class ErrorFace { api, diagnostics };

struct Parameter {
    std::string name;
    std::string description;
    bool in_header = false;
};

// What dispatch needs to run a row: the request, its caller and the decoded path parameters in order.
struct Call {
    const Request& request;
    const Caller& caller;
    std::vector<std::string> path_values;
};

struct Route {
    std::vector<Method> methods;
    std::string pattern;  // below the prefix: "/v1/machines/{machine}"; also served without "/v1"
    Access access;        // no default: a row without one does not compile
    std::string summary;
    std::string operation_id;  // made from method and pattern unless named()
    std::string module;        // set by the table's owner: "machines", "catalog", …
    int success = 200;
    ErrorFace face = ErrorFace::api;
    bool runs_inline = false;       // on the network thread: memory only
    bool body_optional = false;     // no body means a default-made struct
    bool hidden = false;            // left out of the API document
    bool unversioned_only = false;  // has no /v1 form
    bool outside_prefix = false;    // "/swagger": at the server's root
    bool query_token = false;       // accepts ?access_token= and ?authorization=
    std::size_t max_body = 4U << 20;
    std::vector<std::string> aliases;   // other patterns for the same row
    std::vector<Parameter> parameters;  // query and header parameters, for the document
    std::string request_schema;         // names in the document's components; "" when none
    std::string response_schema;
    bool response_is_list = false;
    bool listing = false;       // takes X-Filter, order_by and pages
    bool own_answer = false;    // the handler makes the whole Response
    bool unlimited = false;     // not counted by the rate limits: probes
    std::string produces;       // content type of an own answer, for the document; "" when it varies
    std::vector<int> failures;  // statuses besides those that every row of its shape can have, for the document
    std::map<std::string, std::string> schemas;  // component name → JSON schema text, nested ones included
    // The bound handler; dispatch passes the row itself, whose status and body rule were set after binding.
    std::function<Result<Response>(const Call&, const Route&)> handle;  // empty for socket rows
    std::function<Result<SocketHandler>(const Call&)> open_socket;      // set for socket rows

    Route status(int code) && {
        success = code;
        return std::move(*this);
    }
    Route diagnostics() && {
        face = ErrorFace::diagnostics;
        return std::move(*this);
    }
    Route inline_() && {
        runs_inline = true;
        return std::move(*this);
    }
    Route optional_body() && {
        body_optional = true;
        return std::move(*this);
    }
    Route hide() && {
        hidden = true;
        return std::move(*this);
    }
    Route unversioned() && {
        unversioned_only = true;
        return std::move(*this);
    }
    Route at_root() && {
        outside_prefix = true;
        return std::move(*this);
    }
    Route token_in_query() && {
        query_token = true;
        return std::move(*this);
    }
    Route body_limit(std::size_t bytes) && {
        max_body = bytes;
        return std::move(*this);
    }
    Route alias(std::string other) && {
        aliases.push_back(std::move(other));
        return std::move(*this);
    }
    Route also(Method m) && {
        methods.push_back(m);
        return std::move(*this);
    }
    Route named(std::string id) && {
        operation_id = std::move(id);
        return std::move(*this);
    }
    // For a handler that answers a list by itself, with the help of a Listing.
    Route lists() && {
        listing = true;
        response_is_list = true;
        own_answer = false;
        return std::move(*this);
    }
    Route without_limit() && {
        unlimited = true;
        return std::move(*this);
    }
    Route sends(std::string content_type) && {
        produces = std::move(content_type);
        return std::move(*this);
    }
    Route fails(std::vector<int> statuses) && {
        failures = std::move(statuses);
        return std::move(*this);
    }
    Route query(std::string name, std::string text) && {
        parameters.push_back({std::move(name), std::move(text), false});
        return std::move(*this);
    }
    Route header(std::string name, std::string text) && {
        parameters.push_back({std::move(name), std::move(text), true});
        return std::move(*this);
    }
};

// The answer for a value: JSON with one newline at the end.
template <class T>
Response json_answer(int status, const T& value) {
    Response r;
    r.status = status;
    r.body = json::write(value);
    return r;
}

// Why a body of this content type cannot be read at all (415); nullopt when it can be tried.
std::optional<std::string> unreadable_body(const Request&);

namespace detail {

template <class T>
struct is_path_arg : std::false_type {};
template <class Tag>
struct is_path_arg<Id<Tag>> : std::true_type {};
template <class Tag>
struct is_path_arg<Ref<Tag>> : std::true_type {};
template <>
struct is_path_arg<PathText> : std::true_type {};

template <class T>
struct result_of;
template <class T>
struct result_of<Result<T>> {
    using type = T;
};

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {
    using item = T;
};

template <class F>
struct signature : signature<decltype(&F::operator())> {};
template <class C, class R, class... A>
struct signature<R (C::*)(A...) const> {
    using result = typename result_of<std::remove_cvref_t<R>>::type;
    using args = std::tuple<std::remove_cvref_t<A>...>;
};

template <class Args>
constexpr std::size_t path_args() {
    return []<std::size_t... I>(std::index_sequence<I...>) {
        return (std::size_t{0} + ... + std::size_t{is_path_arg<std::tuple_element_t<I, Args>>::value});
    }(std::make_index_sequence<std::tuple_size_v<Args>>{});
}

// A request body by its content type: JSON unless it is really a form, never from the URL query (quirk Q18).
// Errc::invalid when it is empty though it must not be, or cannot be taken apart.
struct Body {
    std::string_view json;                                  // of the request
    std::vector<std::pair<std::string, std::string>> form;  // when it is one
    bool is_form = false;
    [[nodiscard]] bool empty() const { return json.empty() && !is_form; }
};
Result<Body> body_of(const Request&, bool optional);

std::size_t count_parameters(std::string_view pattern);
[[noreturn]] void refuse_row(std::string_view pattern, const char* why);  // a table that does not fit: abort at start
Result<Response> finish(int success, std::string body);

template <class Args>
struct last_or_void {
    using type = void;
};
template <class... A>
    requires(sizeof...(A) > 0)
struct last_or_void<std::tuple<A...>> {
    using type = std::tuple_element_t<sizeof...(A) - 1, std::tuple<A...>>;
};
template <class T>
constexpr bool is_body_v =
    !std::is_void_v<T> && !std::is_same_v<T, Caller> && !std::is_same_v<T, Request> && !is_path_arg<T>::value;

template <class T>
Result<Response> answer(const std::optional<Listing>& listing, int success, Result<T>&& result) {
    if (!result) return std::move(result).error();
    if constexpr (std::is_void_v<T>) {
        return finish(success, "");
    } else if constexpr (std::is_same_v<T, Response>) {
        return std::move(*result);
    } else if constexpr (is_vector<T>::value) {
        if (listing) return listing->answer(success, std::move(*result));
        return finish(success, json::write(*result));
    } else {
        return finish(success, json::write(*result));
    }
}

template <class F, class Args, std::size_t... I>
auto invoke_bound(const F& f, const Call& call, Args& values, std::index_sequence<I...>) {
    std::size_t next = 0;
    auto pick = [&]<std::size_t N>() -> decltype(auto) {
        using T = std::tuple_element_t<N, Args>;
        if constexpr (is_path_arg<T>::value) std::get<N>(values) = T(call.path_values.at(next++));
        if constexpr (std::is_same_v<T, Caller>)
            return static_cast<const Caller&>(call.caller);
        else if constexpr (std::is_same_v<T, Request>)
            return static_cast<const Request&>(call.request);
        else
            return std::move(std::get<N>(values));
    };
    // Braces fix the order of evaluation, so path values are taken left to right.
    std::tuple<decltype(pick.template operator()<I>())...> bound { pick.template operator()<I>()... };
    return std::apply(f, std::move(bound));
}

}  // namespace detail

template <class F>
Route row(Method method, std::string pattern, Access access, std::string summary, F handler) {
    using Sig = detail::signature<F>;
    using Args = typename Sig::args;
    using Out = typename Sig::result;
    using Last = typename detail::last_or_void<Args>::type;
    if (detail::count_parameters(pattern) != detail::path_args<Args>())
        detail::refuse_row(pattern, "the handler takes another number of path parameters");
    Route r{
        .methods = {method}, .pattern = std::move(pattern), .access = std::move(access), .summary = std::move(summary)};
    if constexpr (detail::is_body_v<Last>) r.request_schema = json::add_schema<Last>(r.schemas);
    if constexpr (detail::is_vector<Out>::value) {
        r.response_is_list = true;
        r.listing = method == Method::get;
        r.response_schema = json::add_schema<typename detail::is_vector<Out>::item>(r.schemas);
    } else if constexpr (json::described<Out>) {
        r.response_schema = json::add_schema<Out>(r.schemas);
    }
    r.own_answer = std::is_same_v<Out, Response>;
    r.handle = [f = std::move(handler)](const Call& call, const Route& route) -> Result<Response> {
        Args values{};
        if constexpr (detail::is_body_v<Last>) {
            const detail::Body body = TRY(detail::body_of(call.request, route.body_optional));
            auto& target = std::get<std::tuple_size_v<Args> - 1>(values);
            if (body.is_form)
                target = TRY(json::read_form<Last>(body.form));
            else if (!body.empty())
                target = TRY(json::read<Last>(body.json, {.request = true}));
        }
        std::optional<Listing> listing;
        if constexpr (detail::is_vector<Out>::value)  // what is wrong is told before any work is done
            if (route.listing) listing = TRY(Listing::of(call.request));
        return detail::answer<Out>(
            listing, route.success,
            detail::invoke_bound(f, call, values, std::make_index_sequence<std::tuple_size_v<Args>>{}));
    };
    return r;
}

template <class F>
Route get(std::string pattern, Access access, std::string summary, F handler) {
    return row(Method::get, std::move(pattern), std::move(access), std::move(summary), std::move(handler));
}
template <class F>
Route post(std::string pattern, Access access, std::string summary, F handler) {
    return row(Method::post, std::move(pattern), std::move(access), std::move(summary), std::move(handler));
}
template <class F>
Route put(std::string pattern, Access access, std::string summary, F handler) {
    return row(Method::put, std::move(pattern), std::move(access), std::move(summary), std::move(handler));
}
template <class F>
Route patch(std::string pattern, Access access, std::string summary, F handler) {
    return row(Method::patch, std::move(pattern), std::move(access), std::move(summary), std::move(handler));
}
template <class F>
Route del(std::string pattern, Access access, std::string summary, F handler) {
    return row(Method::del, std::move(pattern), std::move(access), std::move(summary), std::move(handler));
}

// A WebSocket row: `open` decides on the request (an error is answered as plain HTTP) and returns the handler.
Route socket(std::string pattern, Access access, std::string summary,
             std::function<Result<SocketHandler>(const Call&)> open);

}  // namespace corral::http
