// An OpenID Connect issuer in memory, as honest or hostile as a test wants: what its documents and tokens say is the
// test's. Thread-safe, because a Provider asks in the background too.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "identity/oidc/provider.hpp"
#include "platform/crypto/crypto.hpp"
#include "support/results.hpp"

namespace corral::testing_support {

class FakeIssuer {
public:
    static constexpr const char* url = "https://idp.example";

    FakeIssuer() { publish("k1", key_); }

    void publish(const std::string& id, const crypto::PrivateKey& key, const std::string& algorithm = "ES256") {
        std::lock_guard lock(mutex_);
        const auto jwk = key.public_key().jwk();
        keys_[id] = R"({"kty":")" + jwk.kty + R"(","use":"sig","kid":")" + id + R"(","alg":")" + algorithm +
                    R"(","n":")" + jwk.n + R"(","e":")" + jwk.e + R"(","crv":")" + jwk.crv + R"(","x":")" + jwk.x +
                    R"(","y":")" + jwk.y + "\"}";
    }
    void withdraw(const std::string& id) {
        std::lock_guard lock(mutex_);
        keys_.erase(id);
    }
    // Of a path ("/token"); replaces what would be answered there. Status 0: nobody answers.
    void answer(const std::string& path, int status, std::string body) {
        std::lock_guard lock(mutex_);
        answers_[path] = {status, std::move(body)};
    }
    std::vector<identity::oidc::Call> asked(const std::string& path) {
        std::lock_guard lock(mutex_);
        std::vector<identity::oidc::Call> out;
        for (const auto& call : asked_)
            if (call.url == url + path) out.push_back(call);
        return out;
    }
    [[nodiscard]] identity::oidc::Fetch fetch() {
        return [this](const identity::oidc::Call& call) { return serve(call); };
    }
    [[nodiscard]] const crypto::PrivateKey& key() const { return key_; }

    static std::string discovery(const std::string& issuer = url) {
        return R"({"issuer":")" + issuer +
               R"(","authorization_endpoint":"https://idp.example/auth","token_endpoint":)" +
               R"("https://idp.example/token","jwks_uri":"https://idp.example/jwks","userinfo_endpoint":)" +
               R"("https://idp.example/me"})";
    }
    // A token with this payload and any header.
    [[nodiscard]] std::string token(const std::string& payload,
                                    const std::string& header = R"({"alg":"ES256","kid":"k1"})",
                                    const crypto::PrivateKey* key = nullptr,
                                    crypto::Algorithm algorithm = crypto::Algorithm::es256) const {
        const std::string head = crypto::base64url(header) + "." + crypto::base64url(payload);
        return head + "." + crypto::base64url(value_of((key == nullptr ? key_ : *key).sign(algorithm, head)));
    }

private:
    Result<identity::oidc::Answer> serve(const identity::oidc::Call& call) {
        std::lock_guard lock(mutex_);
        asked_.push_back(call);
        const std::string path = call.url.starts_with(url) ? call.url.substr(std::string(url).size()) : "elsewhere";
        if (const auto it = answers_.find(path); it != answers_.end()) {
            if (it->second.status == 0) return Error{Errc::unavailable, "Nobody answers"};
            return it->second;
        }
        if (path == "/.well-known/openid-configuration") return identity::oidc::Answer{200, discovery()};
        if (path == "/jwks") {
            std::string all;
            for (const auto& [id, key] : keys_) all += (all.empty() ? "" : ",") + key;
            return identity::oidc::Answer{200, R"({"keys":[{"kty":"oct","kid":"odd"},)" + all + "]}"};
        }
        return identity::oidc::Answer{404, ""};
    }

    const crypto::PrivateKey key_ = value_of(crypto::PrivateKey::generate(crypto::Algorithm::es256));
    std::mutex mutex_;  // guards the rest
    std::map<std::string, std::string> keys_;
    std::map<std::string, identity::oidc::Answer> answers_;
    std::vector<identity::oidc::Call> asked_;
};

}  // namespace corral::testing_support
