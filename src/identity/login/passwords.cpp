#include "identity/login/passwords.hpp"

#include <future>
#include <memory>

#include "platform/crypto/crypto.hpp"

namespace corral::identity {

Result<void> PasswordWork::run(const std::function<void()>& work) {
    struct Place {
        std::atomic<int>& count;
        int before = count.fetch_add(1);
        ~Place() { --count; }
    } place{inside_};
    const Error busy{Errc::busy, "Too many logins at this moment; try again in a second"};
    if (place.before >= waiting_) return busy;
    const auto task = std::make_shared<std::packaged_task<void()>>([&work] {
        tasks::yield_to_others();
        work();
    });
    auto finished = task->get_future();
    if (!pool_.post([task] { (*task)(); })) return busy;
    finished.get();
    return {};
}

Result<bool> PasswordWork::verify(const std::string& encoded, const Secret& password, std::string_view bcrypt_suffix) {
    bool right = false;
    TRY(run([&] { right = crypto::verify_password(encoded, password, bcrypt_suffix); }));
    return right;
}

Result<std::string> PasswordWork::hash(const Secret& password) {
    Result<std::string> out = std::string();
    TRY(run([&] { out = crypto::hash_password(password); }));
    return out;
}

}  // namespace corral::identity
