#!/usr/bin/env python3
"""POST /ssh/execute against a real sshd on loopback (Debian's openssh-server), in whole: keys and passwords, known,
unknown and changed host keys, exit codes, time limits; and that no secret is seen outside.

sshd runs in a mount namespace of its own, where /etc/shadow is a copy that knows the test's password: nothing of this
host changes. That takes root; without it passwords are left out.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import corral  # noqa: E402: after the path is known

SSHD = shutil.which("sshd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
PASSWORD = "planted-password-7f3a"
ROOT = os.geteuid() == 0

# The shell that starts sshd: every word it gets is an argument, none is pasted into the script.
NAMESPACE = """
set -eu
mount --make-rprivate /
mount --bind "$1/shadow" /etc/shadow
mkdir -p /run/sshd
exec "$2" -D -e -f "$1/sshd_config" -E "$1/sshd.log"
"""


def keygen(path, kind="ed25519"):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Sshd:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corral-sshd-"))
        self.port = free_port()
        self.user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        host_key = keygen(self.folder / "host_key")
        self.client_key = keygen(self.folder / "client_key")
        shutil.copy(self.folder / "client_key.pub", self.folder / "authorized_keys")
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nStrictModes no\nUsePAM no\n"
            f"PermitRootLogin yes\nPasswordAuthentication {'yes' if ROOT else 'no'}\n"
            f"KbdInteractiveAuthentication no\nAuthorizedKeysFile {self.folder}/authorized_keys\nLogLevel VERBOSE\n")
        argv = [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config"), "-E", str(self.folder / "sshd.log")]
        if ROOT:
            hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True,
                                    check=True).stdout.strip()
            lines = [f"{self.user}:{hashed}:19000:0:99999:7:::" if line.startswith(self.user + ":") else line
                     for line in pathlib.Path("/etc/shadow").read_text().splitlines()]
            shadow = self.folder / "shadow"
            shadow.touch(0o600)
            shadow.write_text("\n".join(lines) + "\n")
            argv = ["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", str(self.folder), SSHD]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        corral.until(self.listens, 20, lambda: "sshd listens\n" + self.log())

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError("sshd ended:\n" + self.log())
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        path = self.folder / "sshd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def known_hosts_line(self):
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)


class SshTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sshd = Sshd()
        cls.known_hosts = cls.sshd.folder / "known_hosts"
        cls.known_hosts.write_text("")
        cls.server = corral.Server(OPTIONS.corral, "fake", ENABLE_SSH_EXECUTE="true", EXECUTE_TIME_LIMIT="5s",
                                   SSH_KNOWN_HOSTS=str(cls.known_hosts))
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.close()
        cls.sshd.close()

    def setUp(self):
        self.known_hosts.write_text(self.sshd.known_hosts_line())

    def execute(self, command, **more):
        body = {"host": "127.0.0.1", "port": self.sshd.port, "username": self.sshd.user, "command": command,
                "key": self.sshd.client_key.read_text(), **more}
        try:
            return 200, self.server.call("POST", "/ssh/execute", {k: v for k, v in body.items() if v is not None})
        except corral.Refused as refused:
            return refused.status, refused.body

    def test_a_command_runs_for_the_shell_there_and_its_output_comes_back(self):
        self.assertEqual(self.execute("echo out; printf '%s' \"$((6 * 7))\" | cat"), (200, {"output": "out\n42"}))
        # The two streams come by ways of their own: nobody promises which is read first.
        status, answer = self.execute("echo out; echo err >&2")
        self.assertEqual((status, sorted(answer["output"].split())), (200, ["err", "out"]))
        self.assertEqual(self.execute("true"), (200, {"output": ""}))
        status, answer = self.execute("head -c 300000 /dev/zero | tr '\\0' x")
        self.assertEqual((status, len(answer["output"])), (200, 300000))

    @unittest.skipUnless(ROOT, "only root can give sshd a password of its own")
    def test_passwords_open_too(self):
        self.assertEqual(self.execute("echo in", key=None, password=PASSWORD), (200, {"output": "in\n"}))

    @unittest.skipUnless(ROOT, "only root can give sshd a password of its own")
    def test_a_wrong_password_is_refused_and_repeated_nowhere(self):
        status, answer = self.execute("echo in", key=None, password="wrong-planted-9c1e")
        self.assertEqual(status, 502)
        self.assertNotIn("wrong-planted-9c1e", str(answer))

    def test_another_key_is_refused(self):
        other = keygen(pathlib.Path(tempfile.mkdtemp(dir=self.sshd.folder)) / "key")
        self.assertEqual(self.execute("true", key=other.read_text())[0], 502)
        self.assertEqual(self.execute("true", key="no key at all")[0], 400)

    def test_Q17_a_failing_command_keeps_its_output_and_tells_its_exit_code(self):
        status, answer = self.execute("echo so far; echo oops >&2; exit 3")
        self.assertEqual(status, 500)
        self.assertIn("exit code 3", str(answer))
        self.assertIn("so far", str(answer))
        self.assertIn("oops", str(answer))

    def test_Q17_a_host_key_must_be_known_unless_the_request_says_otherwise(self):
        self.known_hosts.write_text("")
        status, answer = self.execute("true")
        self.assertEqual(status, 502)
        self.assertIn("not known", str(answer))
        self.assertEqual(self.execute("true", enable_insecure_key=True)[0], 200)

    def test_Q17_a_changed_host_key_is_told_apart(self):
        other = keygen(pathlib.Path(tempfile.mkdtemp(dir=self.sshd.folder)) / "key")
        kind, key = pathlib.Path(str(other) + ".pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.sshd.port} {kind} {key}\n")
        status, answer = self.execute("true")
        self.assertEqual(status, 502)
        self.assertIn("not the one that is known", str(answer))

    def test_Q17_a_command_that_does_not_end_is_given_up(self):
        status, answer = self.execute("exec sleep 600")
        self.assertEqual(status, 504, answer)

    def test_hosts_are_names_and_nothing_else(self):
        for host in ("root@127.0.0.1", "-oProxyCommand=touch /tmp/x", "a b", "127.0.0.1\n"):
            self.assertEqual(self.execute("true", host=host)[0], 400, host)

    def test_no_secret_is_seen_in_a_process_list_or_a_log(self):
        marker = self.sshd.folder / "marker"
        seen = []

        def run():
            seen.append(self.execute(f"while [ ! -e {marker} ]; do sleep 0.05; done", password=PASSWORD))
        thread = threading.Thread(target=run)
        thread.start()
        corral.until(lambda: any(str(marker) in " ".join(words) for _, _, words in corral.processes()), 20, "it runs")
        lists = "\n".join(" ".join(words) for _, _, words in corral.processes())
        marker.touch()
        thread.join()
        self.assertEqual(seen[0][0], 200)
        key_body = self.sshd.client_key.read_text().splitlines()[2]
        for secret in (PASSWORD, key_body):
            self.assertNotIn(secret, lists)
            self.assertNotIn(secret, self.server.log())


if __name__ == "__main__":
    if SSHD is None:
        sys.exit("sshd is missing: install openssh-server")
    OPTIONS = corral.options("corral")
    corral.main()
