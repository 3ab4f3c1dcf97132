#!/usr/bin/env python3
"""Signing in through a real OpenID Connect provider: npm's oidc-provider, whose pages this test fills in like a browser.

    oidc_test.py --corral CORRAL --modules FOLDER    FOLDER: where node_modules is, or is installed by `npm ci`
"""
import argparse
import base64
import hashlib
import html
import http.cookiejar
import json
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import sys
import unittest
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "support"))
import corral  # noqa: E402: after the path

AUDIENCE = "https://corral.example"
SECRET = "a secret: with odd/characters+%"


def install(folder):
    """The provider with its locked dependencies, once."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "provider.mjs"):
        shutil.copy(HERE / name, folder / name)
    stamp, lock = folder / "node_modules" / ".lock-of-this", (HERE / "package-lock.json").read_text()
    if not stamp.exists() or stamp.read_text() != lock:
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        stamp.write_text(lock)
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Provider:
    def __init__(self, folder, keys="first", port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(["node", "provider.mjs", str(self.port), keys], cwd=folder, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        raise AssertionError("the provider does not start")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def token_of(self, client, audience=AUDIENCE):
        """A bearer token by client credentials."""
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "resource": audience}).encode()
        secret = urllib.parse.quote_plus(client) + ":" + urllib.parse.quote_plus("secret of " + client)
        request = urllib.request.Request(self.url + "/token", form, {
            "Authorization": "Basic " + base64.b64encode(secret.encode()).decode()})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["access_token"]


class StopAt(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not those that lead to `places`."""

    def __init__(self, *places):
        self.places = places

    def redirect_request(self, request, stream, code, message, headers, url):
        return None if url.startswith(self.places) else super().redirect_request(request, stream, code, message,
                                                                                  headers, url)


class Browser:
    def __init__(self, *stop_at):
        self.cookies = http.cookiejar.CookieJar()
        handlers = [urllib.request.HTTPCookieProcessor(self.cookies), urllib.request.ProxyHandler({})]
        self.opener = urllib.request.build_opener(*handlers, StopAt(*stop_at) if stop_at else
                                                  urllib.request.HTTPRedirectHandler())

    def open(self, url, form=None):
        """(status, headers, body, final URL)"""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            answer = self.opener.open(urllib.request.Request(url, data), timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read().decode(), answer.url

    def sign_in(self, url, name):
        """Through the pages of the provider as `name`; what comes at last."""
        answer = self.open(url)
        for form in ({"prompt": "login", "login": name, "password": "any"}, {"prompt": "consent"}):
            action = re.search(r'<form[^>]*action="([^"]+)"', answer[2])
            if action is None:
                return answer
            answer = self.open(urllib.parse.urljoin(answer[3], html.unescape(action.group(1))), form)
        return answer


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class SignIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider(ARGUMENTS.modules)
        cls.server = corral.Server(
            ARGUMENTS.corral, "fake", OIDC_ISSUER=cls.provider.url, OIDC_CLIENT_ID="corral", OIDC_CLIENT_SECRET=SECRET,
            OIDC_AUDIENCE=AUDIENCE, OIDC_ROLE_MAP="vm-admins=ADMIN,vm-users=USER")
        cls.server.start()
        cls.url = f"http://127.0.0.1:{cls.server.port}/api/v1"

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.provider.close()

    def ask(self, path, token, method="GET"):
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": "Bearer " + token})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def signed_in(self, name):
        status, _, body, _ = Browser().sign_in(self.url + "/auth/oidc/login", name)
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def test_a_sign_in_makes_the_account_and_gives_the_roles_of_its_groups(self):
        answer = self.signed_in("ann")
        self.assertEqual(answer["email"], "ann@example.org")
        claims = claims_of(answer["token"])
        self.assertEqual((claims["username"], claims["roles"]), ("Ann Ash", ["ADMIN"]))
        user = next(u for u in self.server.call("GET", "/auth/users") if u["username"] == "ann")
        self.assertEqual((user["id"], user["roles"]), (claims["uid"], ["ADMIN"]))
        self.assertEqual(self.ask("/auth/users", answer["token"])[0], 200)
        self.assertEqual(claims_of(self.signed_in("ann")["token"])["uid"], claims["uid"], "again: the same account")
        # Without password: none opens it, the empty one neither.
        for password in ("any", " ", "x" * 40):
            status, _ = self.server.request("POST", "/auth/token", {"email": "ann", "password": password}, sign=False)
            self.assertEqual(status, 401)

    def test_who_is_in_no_group_of_the_map_is_refused(self):
        status, _, body, _ = Browser().sign_in(self.url + "/auth/oidc/login", "bob")
        self.assertEqual(status, 403, body)
        self.assertNotIn("bob", [u["username"] for u in self.server.call("GET", "/auth/users")])

    def test_an_account_with_the_same_address_is_never_taken_over(self):
        status, _, body, _ = Browser().sign_in(self.url + "/auth/oidc/login", "eve")
        self.assertEqual(status, 409, body)

    def test_what_comes_back_to_another_browser_or_again_opens_nothing(self):
        callback = self.url + "/auth/oidc/callback"
        browser = Browser(callback)
        status, headers, _, _ = browser.sign_in(self.url + "/auth/oidc/login", "ann")
        self.assertIn(status, (302, 303))
        back = headers["Location"]
        self.assertEqual(Browser().open(back)[0], 400, "a browser without the cookie")
        self.assertEqual(browser.open(back.replace("state=", "state=x"))[0], 400)
        self.assertEqual(browser.open(re.sub("iss=[^&]*", "iss=https%3A%2F%2Felse.example", back))[0], 400)
        cookies = list(browser.cookies)
        self.assertEqual(browser.open(back)[0], 200)
        self.assertEqual(browser.open(back)[0], 400, "the cookie is gone")
        for cookie in cookies:
            browser.cookies.set_cookie(cookie)
        self.assertEqual(browser.open(back)[0], 401, "the issuer takes a code once")
        self.assertEqual(Browser().open(callback + "?state=x&code=y")[0], 400)
        self.assertEqual(Browser().open(callback)[0], 400)

    def test_the_cookie_is_for_this_path_and_not_for_scripts(self):
        browser = Browser(self.provider.url)
        status, headers, _, _ = browser.open(self.url + "/auth/oidc/login")
        self.assertEqual(status, 302)
        cookie = headers["Set-Cookie"]
        for word in ("HttpOnly", "SameSite=Lax", "Path=/api/v1/auth/oidc;", "Max-Age=600"):
            self.assertIn(word, cookie)
        query = urllib.parse.parse_qs(urllib.parse.urlparse(headers["Location"]).query)
        self.assertEqual(query["code_challenge_method"], ["S256"])
        for name in ("state", "nonce", "code_challenge"):
            self.assertGreaterEqual(len(query[name][0]), 43)
            self.assertNotIn(query[name][0], cookie, "sealed")

    def test_a_program_on_this_machine_gets_the_token_by_code_and_verifier_once(self):
        verifier = secrets.token_urlsafe(40)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        place = "http://127.0.0.1:9/done?x=1"
        query = urllib.parse.urlencode({"return_to": place, "challenge": challenge})
        codes = []
        for _ in range(2):
            browser = Browser(place)
            status, headers, body, _ = browser.sign_in(self.url + "/auth/oidc/login?" + query, "ann")
            self.assertEqual(status, 302, body)
            self.assertTrue(headers["Location"].startswith(place + "&code="))
            codes.append(headers["Location"].partition("&code=")[2])

        def redeem(code, verifier):
            return self.server.request("POST", "/auth/oidc/token", {"code": code, "verifier": verifier}, sign=False)
        self.assertEqual(redeem(codes[0], "another" + verifier)[0], 401)
        self.assertEqual(redeem(codes[0], verifier)[0], 401, "a wrong guess ends it")
        status, answer = redeem(codes[1], verifier)
        self.assertEqual((status, answer["email"]), (200, "ann@example.org"))
        self.assertEqual(redeem(codes[1], verifier)[0], 401, "once")

    def test_corral_login_oidc_keeps_the_token_that_the_browser_brought(self):
        environment = {k: v for k, v in self.server.environment.items() if k != "CORRAL_TOKEN"}
        command = subprocess.Popen([self.server.binary, "login", f"http://127.0.0.1:{self.server.port}", "--oidc"],
                                   env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.assertIn("browser", command.stderr.readline())
            address = command.stderr.readline().strip()
            place = urllib.parse.parse_qs(urllib.parse.urlparse(address).query)["return_to"][0]
            self.assertEqual(Browser().open(place + "favicon.ico")[0], 404, "does not disturb it")
            status, _, body, _ = Browser().sign_in(address, "ann")
            self.assertEqual(status, 200, body)
            self.assertIn("signed in", body)
            out, err = command.communicate(timeout=60)
        finally:
            command.kill()
        self.assertEqual((command.returncode, err), (0, ""))
        self.assertIn("ann@example.org", out)
        done = subprocess.run([self.server.binary, "vm", "list"], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([self.server.binary, "logout"], env=environment, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_nobody_is_sent_to_another_place(self):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(b"x").digest()).decode().rstrip("=")
        for place in ("https://else.example/", "//else.example/", "/\\else.example", "http://127.0.0.1.else.example:1/",
                      "http://127.0.0.1:1@else.example/", "http://127.0.0.1:/", "javascript:alert(1)", "/a\r\nX: y"):
            query = urllib.parse.urlencode({"return_to": place, "challenge": challenge})
            self.assertEqual(Browser(self.provider.url).open(self.url + "/auth/oidc/login?" + query)[0], 400, place)
        query = urllib.parse.urlencode({"return_to": "http://127.0.0.1:1/"})
        self.assertEqual(Browser(self.provider.url).open(self.url + "/auth/oidc/login?" + query)[0], 400)

    def test_the_issuer_s_tokens_open_what_the_groups_of_their_client_give(self):
        token = self.provider.token_of("machine")
        corral.until(lambda: self.ask("/machines", token)[0] == 200, 30, "the issuer's keys are known")
        self.assertEqual(self.ask("/auth/users", token)[0], 401, "role USER lists no users")
        self.assertEqual(self.ask("/machines", self.provider.token_of("stranger"))[0], 401, "none of its groups")
        self.assertEqual(self.ask("/machines", self.provider.token_of("machine", "https://else.example"))[0], 401)
        head, payload, signature = token.split(".")
        forged = base64.urlsafe_b64encode(json.dumps({**claims_of(token), "groups": ["vm-admins"]}).encode())
        self.assertEqual(self.ask("/machines", f"{head}.{forged.decode().rstrip('=')}.{signature}")[0], 401)
        none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
        self.assertEqual(self.ask("/machines", f"{none}.{payload}.")[0], 401)

    def test_a_block_ends_sign_in_and_tokens(self):
        answer = self.signed_in("ann")
        uid = claims_of(answer["token"])["uid"]
        status, _ = self.server.request("PUT", f"/auth/users/{uid}/block")
        if status in (404, 405):
            self.skipTest("no route blocks yet")
        self.assertEqual(self.ask("/machines", answer["token"])[0], 401)
        self.assertEqual(Browser().sign_in(self.url + "/auth/oidc/login", "ann")[0], 401)
        self.server.call("PUT", f"/auth/users/{uid}/unblock")
        self.assertEqual(Browser().sign_in(self.url + "/auth/oidc/login", "ann")[0], 200)


class Outages(unittest.TestCase):
    def test_new_keys_of_the_issuer_are_found_and_its_absence_is_a_clear_answer(self):
        provider = Provider(ARGUMENTS.modules)
        port = provider.port
        server = corral.Server(ARGUMENTS.corral, "fake", OIDC_ISSUER=provider.url, OIDC_CLIENT_ID="corral",
                               OIDC_CLIENT_SECRET=SECRET, OIDC_ROLE_MAP="vm-admins=ADMIN")
        try:
            server.start()
            login = f"http://127.0.0.1:{server.port}/api/v1/auth/oidc/login"
            self.assertEqual(Browser().sign_in(login, "ann")[0], 200)
            provider.close()
            self.assertEqual(server.request("GET", "/machines")[0], 200, "the rest goes on")
            provider = Provider(ARGUMENTS.modules, "second", port)
            self.assertEqual(Browser().sign_in(login, "ann")[0], 200, "signed with keys that were unknown")
        finally:
            server.close()
            provider.close()

    def test_a_server_starts_without_its_issuer(self):
        server = corral.Server(ARGUMENTS.corral, "fake", OIDC_ISSUER=f"http://127.0.0.1:{free_port()}",
                               OIDC_CLIENT_ID="corral", OIDC_ROLE_MAP="vm-admins=ADMIN")
        try:
            server.start()
            self.assertIn(server.request("GET", "/auth/oidc/login", sign=False)[0], (502, 503))
        finally:
            server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corral", required=True)
    parser.add_argument("--modules", required=True)
    ARGUMENTS, rest = parser.parse_known_args()
    ARGUMENTS.modules = install(ARGUMENTS.modules)
    unittest.main(argv=[sys.argv[0], *rest])
