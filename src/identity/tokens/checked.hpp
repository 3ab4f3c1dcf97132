// Tokens whose signature was found to hold, by the SHA-256 of their text: clients come with the same token many times,
// and one that names a hundred claims costs more to take apart than the rest of a request. Only what the signature
// proves is kept; time, account and revocation are asked at every request. Bounded: the least recent half is let go of.
// Any thread.
#pragma once

#include <cstring>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "identity/tokens.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity {

class CheckedTokens {
public:
    explicit CheckedTokens(std::size_t kept = 4096) : half_(kept / 2) {}

    std::optional<TokenBearer> find(const crypto::Sha256& print) {
        const std::lock_guard lock(mutex_);
        if (const auto it = recent_.find(print); it != recent_.end()) return it->second;
        const auto it = older_.find(print);
        if (it == older_.end()) return std::nullopt;
        TokenBearer out = it->second;
        add(print, out);
        return out;
    }
    void keep(const crypto::Sha256& print, const TokenBearer& bearer) {
        const std::lock_guard lock(mutex_);
        add(print, bearer);
    }
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return recent_.size() + older_.size();
    }

private:
    struct Hash {
        std::size_t operator()(const crypto::Sha256& print) const {
            std::size_t out = 0;
            std::memcpy(&out, print.data(), sizeof out);
            return out;
        }
    };
    using Tokens = std::unordered_map<crypto::Sha256, TokenBearer, Hash>;

    void add(const crypto::Sha256& print, const TokenBearer& bearer) {
        if (recent_.size() >= half_) older_ = std::exchange(recent_, {});
        recent_.insert_or_assign(print, bearer);
    }

    std::size_t half_;
    mutable std::mutex mutex_;  // guards what follows
    Tokens recent_, older_;
};

}  // namespace corral::identity
