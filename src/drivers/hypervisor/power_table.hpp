// The table of machines/driver.hpp (PowerAction) as code, and the checks every verb starts with. Free functions.
#pragma once

#include <string>

#include "machines/driver.hpp"

namespace corral::drivers {

enum class Verdict { already_there, act, refuse };

constexpr Verdict judge(machines::State state, machines::PowerAction action) {
    using enum machines::State;
    using enum machines::PowerAction;
    const bool off = state == stopped || state == invalid;
    switch (action) {
        case start:
            return off || state == suspended ? Verdict::act
                   : state == paused         ? Verdict::refuse
                                             : Verdict::already_there;
        case stop:
            return off                                     ? Verdict::already_there
                   : state == paused || state == suspended ? Verdict::refuse
                                                           : Verdict::act;
        case kill: return off ? Verdict::already_there : Verdict::act;
        case restart:
            return off                                     ? Verdict::already_there
                   : state == paused || state == suspended ? Verdict::refuse
                                                           : Verdict::act;
        case reset: return off ? Verdict::already_there : Verdict::act;
        case pause:
            return state == paused             ? Verdict::already_there
                   : off || state == suspended ? Verdict::refuse
                                               : Verdict::act;
        case resume:
            return state == paused || state == suspended ? Verdict::act
                   : off                                 ? Verdict::refuse
                                                         : Verdict::already_there;
        case suspend:
            return state == suspended       ? Verdict::already_there
                   : off || state == paused ? Verdict::refuse
                                            : Verdict::act;
    }
    return Verdict::refuse;
}

inline Error refused(machines::State state) {
    return Error{Errc::conflict, "The machine is " + std::string(machines::to_text(state))};
}

inline Error unknown_machine(const std::string& id) {
    return Error{Errc::not_found, "There is no such machine", "id " + id};
}

// Still worth doing? Checked before anything is changed and at every wait.
inline Result<void> still_wanted(const machines::Op& op) {
    if (op.cancel.stop_requested()) return Error{Errc::timeout, "The operation was cancelled"};
    if (std::chrono::steady_clock::now() >= op.deadline)
        return Error{Errc::timeout, "The operation took longer than it may"};
    return {};
}

}  // namespace corral::drivers
