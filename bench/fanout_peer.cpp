// The least that telling many sockets can cost: accepts COUNT connections on PORT of 127.0.0.1, then, for each line
// "MESSAGES SIZE" of its input, sends that many messages of that size to each with a plain loop of send(2). Says
// "ready" and "done" on its output.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    const int door = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(door, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(door, 4096) != 0) return 1;
    std::vector<int> sockets;
    const auto wanted = static_cast<std::size_t>(std::atoi(argv[2]));
    while (sockets.size() < wanted) {
        const int one = ::accept(door, nullptr, nullptr);
        if (one < 0) return 1;
        ::setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockets.push_back(one);
    }
    std::puts("ready");
    std::fflush(stdout);
    int messages = 0, size = 0;
    while (std::scanf("%d %d", &messages, &size) == 2) {
        std::string text(static_cast<std::size_t>(size), 'x');
        text.back() = '\n';
        for (int i = 0; i < messages; ++i)
            for (const int one : sockets)
                for (std::size_t sent = 0; sent < text.size();) {
                    const ssize_t n = ::send(one, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
                    if (n < 0) return 1;
                    sent += static_cast<std::size_t>(n);
                }
        std::puts("done");
        std::fflush(stdout);
    }
}
