// The compact form of signed JSON (RFC 7515), split but not believed. Free functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

struct JwsHeader {
    std::string alg, kid, typ;
};
constexpr auto json_object(const JwsHeader*) {
    return json::object("JwsHeader", json::field("alg", &JwsHeader::alg), json::omit("kid", &JwsHeader::kid),
                        json::omit("typ", &JwsHeader::typ));
}

struct Jws {
    std::string_view header;       // encoded
    std::string_view signed_part;  // header and payload, encoded
    std::string payload;
    std::string signature;
};

// Errc::unauthenticated when the text is not three parts of base64url. The views are into `token`.
Result<Jws> split_jws(std::string_view token);
Result<JwsHeader> jws_header(const Jws&);

}  // namespace corral::identity
