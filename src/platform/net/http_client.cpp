#include "platform/net/http_client.hpp"

#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

#include "base/trace.hpp"

namespace corral::net {

namespace {

// libcurl asks for this once per process before its first use (curl_global_init(3)).
void init_once() {
    static std::once_flag done;
    std::call_once(done, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

struct Transfer {
    ClientResponse response;
    std::size_t limit = 0;
    bool too_large = false;
    std::stop_token cancel;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
    auto& transfer = *static_cast<Transfer*>(to);
    const std::size_t bytes = size * count;
    if (transfer.response.body.size() + bytes > transfer.limit) {
        transfer.too_large = true;
        return 0;
    }
    transfer.response.body.append(data, bytes);
    return bytes;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* to) {
    auto& transfer = *static_cast<Transfer*>(to);
    std::string_view line(data, size * count);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) transfer.response.headers = {};  // of the final answer only
    if (const auto colon = line.find(':'); colon != std::string_view::npos) {
        std::string_view value = line.substr(colon + 1);
        while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
        transfer.response.headers.add(std::string(line.substr(0, colon)), std::string(value));
    }
    return size * count;
}

int on_progress(void* from, curl_off_t /*unused*/, curl_off_t /*unused*/, curl_off_t /*unused*/,
                curl_off_t /*unused*/) {
    return static_cast<Transfer*>(from)->cancel.stop_requested() ? 1 : 0;
}

struct Door {
    const std::function<bool(const std::string&)>& may_connect;
    bool refused = false;
};

curl_socket_t open_socket(void* from, curlsocktype /*unused*/, curl_sockaddr* to) {
    auto& door = *static_cast<Door*>(from);
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(&to->addr, to->addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0 ||
        !door.may_connect(text.data())) {
        door.refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

struct List {
    curl_slist* head = nullptr;
    ~List() { curl_slist_free_all(head); }
    void add(const std::string& line) { head = curl_slist_append(head, line.c_str()); }
};

struct FreeText {
    void operator()(char* text) const { curl_free(text); }
};

std::string part_of(CURLU* url, CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
    return std::unique_ptr<char, FreeText>(text).get();
}

// Scheme, host and port, for messages: everything else of a URL may be a secret.
std::string place_of(const std::string& url) {
    const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
    if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "The server";
    const std::string port = part_of(parsed.get(), CURLUPART_PORT);
    return part_of(parsed.get(), CURLUPART_SCHEME) + "://" + part_of(parsed.get(), CURLUPART_HOST) +
           (port.empty() ? "" : ":" + port);
}

// A line's end inside a value would start another header, or another request.
bool one_line(std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

Result<void> check_lines(const ClientRequest& request) {
    bool good = one_line(request.method) && one_line(request.content_type) && one_line(request.bearer.reveal()) &&
                one_line(request.api_key.reveal());
    for (const auto& [name, value] : request.headers) good = good && one_line(name) && one_line(value);
    if (!good) return Error{Errc::invalid, "A request header holds a control character"};
    return {};
}

}  // namespace

struct HttpClient::Pool {
    Options options;
    std::mutex mutex;  // guards idle
    std::vector<CURL*> idle;

    CURL* borrow() {
        {
            std::lock_guard lock(mutex);
            if (!idle.empty()) {
                CURL* handle = idle.back();
                idle.pop_back();
                return handle;
            }
        }
        return curl_easy_init();
    }
    void give_back(CURL* handle) {
        curl_easy_reset(handle);  // keeps its connections
        std::lock_guard lock(mutex);
        idle.push_back(handle);
    }
};

HttpClient::HttpClient(Options options) : pool_(std::make_unique<Pool>()) {
    init_once();
    pool_->options = std::move(options);
}

HttpClient::~HttpClient() {
    for (CURL* handle : pool_->idle) curl_easy_cleanup(handle);
}

Result<ClientResponse> HttpClient::send(const ClientRequest& request) {
    TRY(check_lines(request));
    CURL* curl = pool_->borrow();
    if (curl == nullptr) return Error{Errc::internal, "No HTTP client can be made"};
    Transfer transfer{.limit = pool_->options.body_limit, .cancel = request.cancel};
    List headers;
    for (const auto& [name, value] : request.headers) headers.add(name + ": " + value);
    if (!request.bearer.empty()) headers.add("Authorization: Bearer " + request.bearer.reveal());
    if (!request.api_key.empty()) headers.add("X-Api-Key: " + request.api_key.reveal());
    if (!request.body.empty()) headers.add("Content-Type: " + request.content_type);
    if (!trace::current().empty()) headers.add("traceparent: " + trace::current());
    headers.add("Expect:");  // no pause before large bodies
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.head);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_limit.count()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.limit.count()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    if (!pool_->options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, pool_->options.ca_file.c_str());
    if (pool_->options.accept_any_certificate) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    Door door{request.may_connect};
    if (request.may_connect) {
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &door);
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);  // a connection that is there was not judged
        curl_easy_setopt(curl, CURLOPT_PROXY, "");          // a proxy would look the name up once more
    }
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    pool_->give_back(curl);
    if (transfer.too_large) return Error{Errc::too_large, "The answer of " + place_of(request.url) + " is too large"};
    if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK)
        return Error{Errc::timeout, place_of(request.url) + " did not answer in time"};
    if (code != CURLE_OK && door.refused)
        return Error{Errc::forbidden, place_of(request.url) + " leads to an address that is not allowed"};
    if (code != CURLE_OK)
        return Error{Errc::unavailable, place_of(request.url) + " cannot be reached", curl_easy_strerror(code)};
    transfer.response.status = static_cast<int>(status);
    return std::move(transfer.response);
}

}  // namespace corral::net
