// Keys and certificates as PEM text. Free functions; any thread; making an RSA key takes a while.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::crypto {

// "BEGIN RSA PRIVATE KEY" (PKCS#1), 2048 to 8192 bits; Errc::invalid for other sizes.
Result<Secret> new_rsa_key(int bits);
// "BEGIN PRIVATE KEY" (PKCS#8) on the curve P-256.
Result<Secret> new_ec_key();

// The time in which the first certificate of a chain is good; Errc::invalid when there is none.
struct Validity {
    Time from{}, until{};
};
Result<Validity> certificate_validity(const std::string& pem_chain);

}  // namespace corral::crypto
