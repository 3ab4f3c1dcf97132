// Where the CLI talks to and as whom: CORRAL_URL, CORRAL_API_KEY and CORRAL_TOKEN from the environment, else what
// `corral login` kept in ~/.config/corral/session.json (mode 0600).
#pragma once

#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::cli {

struct Session {
    std::string url;  // "http://127.0.0.1:3080", without a slash at the end
    Secret token;     // bearer
    Secret api_key;   // base64(key:secret)
};

// Errc::unauthenticated with what to do when there is neither.
Result<Session> load_session(const std::string& url_flag);
Result<void> save_session(const Session&);
Result<void> forget_session();
std::string session_file();
// The password for login: CORRAL_PASSWORD, else a line from standard input (without echo on a terminal).
Result<Secret> ask_password(const std::string& prompt);

}  // namespace corral::cli
