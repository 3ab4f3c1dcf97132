// The encryption of a reference database (behaviour-a 5.5), to read what it wrote: RSA PKCS#1 v1.5 over a key of
// AES-256-CFB whose first half is also the IV. It has no integrity (quirk Q75); nothing new is written with it.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::crypto {

// `private_key`: PEM, PKCS#1 or PKCS#8, of any length. Errc::invalid when key and file do not fit; a wrong key of the
// right length may also give nonsense, so look at what comes out.
Result<std::string> open_envelope(std::string_view file, const Secret& private_key);

}  // namespace corral::crypto
