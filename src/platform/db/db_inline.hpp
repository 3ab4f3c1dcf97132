// Templates of db.hpp. Include db.hpp, not this.
#pragma once

namespace corral::db {

namespace detail {
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_id : std::false_type {};
template <class Tag>
struct is_id<Id<Tag>> : std::true_type {};
template <class T>
struct is_result : std::false_type {};
template <class T>
struct is_result<Result<T>> : std::true_type {};
template <class T>
struct unwrap_result {
    using type = T;
};
template <class T>
struct unwrap_result<Result<T>> {
    using type = T;
};

template <class... Out>
auto to_row(const std::vector<Value>& columns) {
    if (columns.size() != sizeof...(Out))
        throw Failure(Failure::Kind::other, "a row has another number of columns than the query asks for");
    if constexpr (sizeof...(Out) == 1) {
        return from_value<std::tuple_element_t<0, std::tuple<Out...>>>(columns[0]);
    } else {
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return std::tuple<Out...>{from_value<Out>(columns[I])...};
        }(std::index_sequence_for<Out...>{});
    }
}
}  // namespace detail

template <class T>
Value to_value(const T& v) {
    Value out;
    if constexpr (detail::is_optional<T>::value) {
        if (v) return to_value(*v);
    } else if constexpr (std::is_same_v<T, bool>) {
        out.type = Value::Type::boolean;
        out.integer = v ? 1 : 0;
    } else if constexpr (std::is_integral_v<T>) {
        out.type = Value::Type::integer;
        out.integer = static_cast<std::int64_t>(v);
    } else if constexpr (std::is_floating_point_v<T>) {
        out.type = Value::Type::real;
        out.real = v;
    } else if constexpr (std::is_same_v<T, Time>) {
        out.type = Value::Type::integer;
        out.integer = v.time_since_epoch().count();
    } else if constexpr (std::is_same_v<T, Bytes>) {
        out.type = Value::Type::bytes;
        out.text = v.data;
    } else if constexpr (detail::is_id<T>::value) {
        out.type = Value::Type::text;
        out.text = v.text;
    } else {
        out.type = Value::Type::text;
        out.text = std::string(v);
    }
    return out;
}

template <class T>
T from_value(const Value& v) {
    if constexpr (detail::is_optional<T>::value) {
        if (v.type == Value::Type::null) return std::nullopt;
        return from_value<typename T::value_type>(v);
    } else {
        if (v.type == Value::Type::null) throw Failure(Failure::Kind::other, "NULL where a value is expected");
        const bool number = v.type == Value::Type::integer || v.type == Value::Type::boolean;
        const auto expect = [](bool right) {
            if (!right) throw Failure(Failure::Kind::other, "a column is of another type than the query asks for");
        };
        if constexpr (std::is_same_v<T, bool>) {
            expect(number);
            return v.integer != 0;
        } else if constexpr (std::is_integral_v<T>) {
            expect(number);
            return static_cast<T>(v.integer);
        } else if constexpr (std::is_floating_point_v<T>) {
            expect(number || v.type == Value::Type::real);
            return v.type == Value::Type::real ? v.real : static_cast<T>(v.integer);
        } else if constexpr (std::is_same_v<T, Time>) {
            expect(number);
            return Time{std::chrono::microseconds{v.integer}};
        } else {
            expect(v.type == Value::Type::text || v.type == Value::Type::bytes);
            if constexpr (std::is_same_v<T, Bytes>)
                return Bytes{v.text};
            else
                return T(v.text);
        }
    }
}

namespace detail {
// Not by an initializer list, which would copy every text once more.
template <class... In>
std::vector<Value> to_values(const In&... in) {
    std::vector<Value> out;
    out.reserve(sizeof...(In));
    (out.push_back(to_value(in)), ...);
    return out;
}
}  // namespace detail

template <class... Out, class... In>
auto Tx::all(std::string_view sql, const In&... in) -> std::vector<
    std::conditional_t<sizeof...(Out) == 1, std::tuple_element_t<0, std::tuple<Out...>>, std::tuple<Out...>>> {
    std::vector<
        std::conditional_t<sizeof...(Out) == 1, std::tuple_element_t<0, std::tuple<Out...>>, std::tuple<Out...>>>
        rows;
    for (const auto& columns : run(sql, detail::to_values(in...), nullptr))
        rows.push_back(detail::to_row<Out...>(columns));
    return rows;
}

template <class... Out, class... In>
auto Tx::one(std::string_view sql, const In&... in) -> std::optional<
    std::conditional_t<sizeof...(Out) == 1, std::tuple_element_t<0, std::tuple<Out...>>, std::tuple<Out...>>> {
    const auto rows = run(sql, detail::to_values(in...), nullptr);
    if (rows.empty()) return std::nullopt;
    return detail::to_row<Out...>(rows.front());
}

template <class... In>
std::int64_t Tx::exec(std::string_view sql, const In&... in) {
    std::int64_t changed = 0;
    run(sql, detail::to_values(in...), &changed);
    return changed;
}

namespace detail {
template <class F, class Run>
auto through(F& f, Run run) {
    using Raw = std::invoke_result_t<F&, Tx&>;
    using T = typename unwrap_result<Raw>::type;
    if constexpr (std::is_void_v<T>) {
        return run([&](Tx& tx) -> Result<void> {
            if constexpr (is_result<Raw>::value)
                return f(tx);
            else {
                f(tx);
                return {};
            }
        });
    } else {
        std::optional<T> out;
        Result<void> done = run([&](Tx& tx) -> Result<void> {
            if constexpr (is_result<Raw>::value)
                out.emplace(TRY(f(tx)));
            else
                out.emplace(f(tx));
            return {};
        });
        if (!done) return Result<T>(std::move(done).error());
        return Result<T>(std::move(*out));  // NOLINT(bugprone-unchecked-optional-access): done, so it is set
    }
}
}  // namespace detail

template <class F>
auto Database::read(F f) {
    return detail::through(f, [&](const std::function<Result<void>(Tx&)>& g) { return run_read(g); });
}
template <class F>
auto Database::write(F f) {
    return detail::through(f, [&](const std::function<Result<void>(Tx&)>& g) { return run_write(g); });
}

}  // namespace corral::db
