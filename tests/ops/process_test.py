#!/usr/bin/env python3
"""The service as a process, and what an administrator does to it from the command line: ports, signals, shutdown,
reload, root's password, keys, the systemd service, and the reference's command names."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import corral  # noqa: E402: after the path is known


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Folder(unittest.TestCase):
    """With a folder of its own, and the program run so that nothing of this host's configuration matters."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corral-ops-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.empty = self.folder / "none.yaml"
        self.empty.write_text("environment: {}\n")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "HYPERVISOR": "fake"}
        self.environment |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}

    def run_it(self, *words, program=None, env=None, stdin="", within=120):
        return subprocess.run([program or OPTIONS.corral, *map(str, words)], env={**self.environment, **(env or {})},
                              input=stdin, capture_output=True, text=True, timeout=within, cwd=self.folder)

    def prldevops(self, *words, **more):
        link = self.folder / "prldevops"
        if not link.exists():
            link.symlink_to(os.path.realpath(OPTIONS.corral))
        return self.run_it(*words, program=str(link), **more)


class Life(unittest.TestCase):
    def setUp(self):
        self.server = corral.Server(OPTIONS.corral, "fake")
        self.addCleanup(self.server.close)

    def end(self):
        code = self.server.process.wait(60)
        self.server.process = None
        return code

    def login(self, password):
        return self.server.request("POST", "/auth/token", {"email": "root", "password": password}, sign=False)

    def test_Q90_a_port_that_cannot_be_had_ends_the_process_with_a_failure(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.server.environment["API_PORT"] = str(taken.getsockname()[1])
            self.server.launch()
            self.assertEqual(self.end(), 1)
        self.assertIn("cannot be listened on", self.server.log())

    def test_Q91_a_stop_answers_what_runs_and_ends_with_success(self):
        self.server.start()
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(), 0)
        self.assertRegex(self.server.log(), r" info Stopping .*\n(.*\n)* ?.* info Stopped")
        self.assertFalse((self.server.data / "corral.pid").exists())

    def test_Q73_a_database_that_cannot_be_read_stops_the_start_and_stays_as_it_is(self):
        self.server.data.mkdir()
        database = self.server.data / "corral.db"
        damaged = b"this was a database once" * 4096
        database.write_bytes(damaged)
        self.server.launch()
        self.assertEqual(self.end(), 1)
        self.assertEqual(database.read_bytes(), damaged)
        self.assertRegex(self.server.log(), r"(?m)^corral: ")

    def test_Q73_a_lost_key_is_not_made_anew_in_silence(self):
        self.server.start()
        self.server.stop()
        (self.server.data / "secret.key").write_bytes(b"short")
        self.server.launch()
        self.assertEqual(self.end(), 1)
        self.assertIn("does not hold a key", self.server.log())
        self.assertEqual((self.server.data / "secret.key").read_bytes(), b"short")

    def test_Q77_a_data_folder_that_is_not_there_is_made_or_the_start_fails(self):
        self.server.environment["DATABASE_FOLDER"] = str(self.server.folder / "a/b/c")
        self.server.start()
        self.server.stop()
        self.assertEqual(mode_of(self.server.folder / "a/b/c"), 0o700)
        self.server.environment["DATABASE_FOLDER"] = "/proc/none"
        self.server.launch()
        self.assertEqual(self.end(), 1)
        self.assertIn("cannot be made", self.server.log())

    def test_Q83_state_belongs_to_the_user_that_runs_it_whatever_HOME_says(self):
        self.server.environment |= {"HOME": "/nonexistent", "USER": "somebody-else"}
        self.server.start()
        self.server.stop()

    def test_Q1b_a_super_user_may_shut_it_down(self):
        self.server.start()
        self.assertEqual(self.raw("POST", "/api/shutdown")[0], 200)
        self.assertEqual(self.end(), 0)

    def raw(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request(method, path, headers={"Authorization": "Bearer " + self.server.token})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def test_Q14_a_restart_keeps_the_process_its_port_and_its_tokens(self):
        self.server.start()
        service = self.server.service()
        self.assertEqual(self.raw("POST", "/api/config/tools/restart"), (202, b""))
        corral.until(lambda: "The listeners are renewed" in self.server.log(), 30, "the restart is done")
        self.assertEqual(self.server.request("GET", "/machines")[0], 200)
        self.assertEqual(self.server.service(), service)
        self.server.stop()

    def test_roots_password_is_changed_under_a_server_that_runs(self):
        self.server.start()
        old = self.server.password
        done = subprocess.run([OPTIONS.corral, "update-root-password"], input="Another-Horse-8\n", text=True,
                              capture_output=True, env=self.server.environment, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        corral.until(lambda: self.login("Another-Horse-8")[0] == 200, 30, "the new password opens")
        self.assertEqual(self.login(old)[0], 401)
        # The next start would set what is configured; that is the operator's to change.
        self.server.environment.pop("ROOT_PASSWORD")
        self.server.stop()
        self.server.start()
        self.assertEqual(self.login("Another-Horse-8")[0], 200)
        self.server.stop()

    def test_Q21_roots_password_is_changed_while_the_server_is_stopped(self):
        self.server.start()
        self.server.stop()
        self.server.environment.pop("ROOT_PASSWORD")
        data = self.server.environment.pop("DATABASE_FOLDER")
        link = self.server.folder / "prldevops"
        link.symlink_to(os.path.realpath(OPTIONS.corral))
        for words, password in ((["--DATABASE_FOLDER", data, "--password", "First-Horse-8"], "First-Horse-8"),
                                (["--DATABASE_FOLDER=" + data, "--password=Second-Horse-8"], "Second-Horse-8")):
            done = subprocess.run([link, "update-root-pass", *words], text=True, capture_output=True,
                                  env=self.server.environment, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.server.environment["DATABASE_FOLDER"] = data
            self.server.start()
            self.assertEqual(self.login(password)[0], 200)
            self.server.stop()
            self.server.environment.pop("DATABASE_FOLDER")

    def test_a_database_that_is_not_there_is_not_made(self):
        done = subprocess.run([OPTIONS.corral, "update-root-password"], input="x\n", text=True, capture_output=True,
                              env=self.server.environment, timeout=60)
        self.assertEqual(done.returncode, 4)
        self.assertFalse((self.server.data / "corral.db").exists())

    @unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificates")
    def test_a_reload_takes_up_a_new_certificate_without_an_end(self):
        config = self.server.folder / "tls.yaml"

        def certify(name):
            key, cert = self.server.folder / "key.pem", self.server.folder / "cert.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}"], check=True,
                           capture_output=True)
            encoded = [subprocess.run(["base64", "-w0", f], capture_output=True, text=True, check=True).stdout
                       for f in (cert, key)]
            config.write_text(f"environment:\n  TLS_CERTIFICATE: {encoded[0]}\n  TLS_PRIVATE_KEY: {encoded[1]}\n")

        def shown():
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.tls_port}"], input="",
                                  capture_output=True, text=True, timeout=60)
            return done.stdout

        certify("before")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.tls_port = s.getsockname()[1]
        self.server.environment.update(TLS_ENABLED="yes", TLS_PORT=str(self.tls_port))
        (self.server.folder / "bin").mkdir()
        self.server.mark_log()
        with open(self.server.log_path, "ab") as log:
            self.server.process = subprocess.Popen([OPTIONS.corral, "serve", f"--config={config}"], stdout=log, stderr=log,
                                                   stdin=subprocess.DEVNULL, env=self.server.environment,
                                                   start_new_session=True)
        corral.until(lambda: "Corral is ready" in self.server.log(), 60, self.server.log)
        self.assertIn("CN = before", shown())
        certify("after")
        self.server.process.send_signal(signal.SIGHUP)
        corral.until(lambda: "The listeners are renewed" in self.server.log(), 30, "the reload is done")
        self.assertIn("CN = after", shown())
        # A certificate that is none leaves the one in force.
        config.write_text("environment:\n  TLS_CERTIFICATE: bm9uZQ==\n  TLS_PRIVATE_KEY: bm9uZQ==\n")
        self.server.process.send_signal(signal.SIGHUP)
        corral.until(lambda: "cannot be renewed" in self.server.log(), 30, self.server.log)
        self.assertIn("CN = after", shown())
        self.server.stop()


class CommandLine(Folder):
    def test_Q88_a_word_that_is_no_command_is_a_usage_error(self):
        for done in (self.run_it("sreve"), self.prldevops("sreve"), self.run_it()):
            self.assertEqual(done.returncode, 2)
            self.assertNotEqual(done.stderr, "")

    def test_flags_and_values_may_stand_apart_or_together_Q21(self):
        for words in (["--API_PORT=8081"], ["--API_PORT", "8081"]):
            done = self.run_it("serve", f"--config={self.empty}", *words, "--print-config")
            self.assertIn("API_PORT = 8081  (flag)\n", done.stdout)
            done = self.prldevops("api", f"--config={self.empty}", *words, "--print-config")
            self.assertIn("API_PORT = 8081  (flag)\n", done.stdout)
        done = self.prldevops(f"--config={self.empty}", '--API_PREFIX="/x"', "--print-config")
        self.assertIn("API_PREFIX = /x  (flag)\n", done.stdout)

    def test_print_config_shows_where_a_value_comes_from_and_no_secret(self):
        self.empty.write_text('{"environment": {"api_port": "8082", "root_password": "planted-1"}}')
        done = self.run_it("serve", f"--config={self.empty}", "--print-config", "--METRICS_TOKEN=planted-2",
                           env={"API_PREFIX": "/e", "PRL_DEVOPS_LOG_TO_FILE": "true"})
        for line in ("API_PORT = 8082  (file)", "API_PREFIX = /e  (environment)", "LOG_LEVEL = info  (default)",
                     "ROOT_PASSWORD = ***  (file)", "METRICS_TOKEN = ***  (flag)", "LOG_TO_FILE = true  (environment)"):
            self.assertIn(line + "\n", done.stdout)
        self.assertNotIn("planted", done.stdout + done.stderr)

    def test_an_unknown_key_is_an_error_with_a_suggestion(self):
        done = self.run_it("serve", f"--config={self.empty}", "--API_PROT=1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean API_PORT?", done.stderr)

    def test_keys_are_made_for_their_owner_alone(self):
        self.assertEqual(self.run_it("gen-key", "k.pem").returncode, 0)
        self.assertEqual(mode_of(self.folder / "k.pem"), 0o600)
        self.assertTrue((self.folder / "k.pem").read_text().startswith("-----BEGIN RSA PRIVATE KEY-----"))
        again = self.run_it("gen-key", "k.pem")
        self.assertEqual(again.returncode, 1, "a key that is in use is not lost by a slip")
        self.assertEqual(self.run_it("gen-key", "--type", "ec", "e.pem").returncode, 0)
        self.assertEqual(self.prldevops("gen-rsa", "--file=r.pem", "--rsa-key-size=4096").returncode, 0)
        self.assertEqual(self.run_it("gen-key", "--bits", "512", "small.pem").returncode, 2)
        if shutil.which("openssl"):
            for name, what in (("r.pem", "4096 bit"), ("e.pem", "P-256"), ("k.pem", "2048 bit")):
                shown = subprocess.run(["openssl", "pkey", "-in", self.folder / name, "-noout", "-text"],
                                       capture_output=True, text=True, check=True).stdout
                self.assertIn(what, shown)

    def test_the_version_is_told(self):
        self.assertRegex(self.run_it("version").stdout, r"^\d+\.\d+\.\d+\n$")
        for words in (["version"], ["--version"], ["push", "--version"]):
            self.assertIn("(channel: stable)", self.prldevops(*words).stdout)

    def test_parts_that_do_not_exist_say_so_and_fail(self):
        for words in (["reverse-proxy"], ["catalog", "push"], ["pull", "x.pdfile"], ["test", "unzip"], ["clone", "a"],
                      ["install", "packer"], ["register-with-orchestrator"]):
            done = self.prldevops(*words)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("not part of this version", done.stderr)
        self.assertEqual(self.prldevops("start").returncode, 2)
        self.assertEqual(self.prldevops("help").returncode, 0)


class Service(Folder):
    def setUp(self):
        super().setUp()
        self.root = self.folder / "root"
        self.config = self.root / "etc/corral/config.yaml"
        self.unit = self.root / "etc/systemd/system/corral.service"

    def install(self, *words, **more):
        return self.run_it("install", "service", f"--root={self.root}", *words, **more)

    def in_force(self, key):
        done = self.run_it("serve", f"--config={self.config}", "--print-config")
        self.assertEqual(done.returncode, 0, done.stderr)
        return next(line for line in done.stdout.splitlines() if line.startswith(key + " = ")).split(" = ", 1)[1]

    def test_Q80_configuration_is_for_root_alone_and_the_unit_for_everybody_to_read(self):
        done = self.install("API_PORT=8083", "--root-password", stdin="Planted-Horse-9\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(mode_of(self.config), 0o600)
        self.assertEqual(mode_of(self.unit), 0o644)
        self.assertIn("Planted-Horse-9", self.config.read_text())
        self.assertNotIn("Planted-Horse-9", self.unit.read_text() + done.stdout + done.stderr)
        self.assertEqual(self.in_force("API_PORT"), "8083  (file)")
        self.assertFalse(self.config.with_suffix(".yaml.new").exists())

    def test_what_is_configured_stays_when_it_is_installed_again(self):
        self.install("API_PORT=8083", "LOG_LEVEL=debug")
        self.install("API_PORT=8084")
        self.assertEqual(self.in_force("API_PORT"), "8084  (file)")
        self.assertEqual(self.in_force("LOG_LEVEL"), "debug  (file)")

    def test_a_configuration_that_would_not_start_is_not_installed(self):
        self.install("API_PORT=8083")
        before = self.config.read_text()
        for wrong in ("API_PROT=1", "API_PORT=http", "novalue"):
            self.assertEqual(self.install(wrong).returncode, 2, wrong)
        self.assertEqual(self.config.read_text(), before)

    def test_Q81_every_setting_of_the_references_installer_lands_in_its_own_key(self):
        settings = self.folder / "install.json"
        settings.write_text(json.dumps({
            "port": "8085", "prefix": "/p", "log_level": "warn", "enable_tls": False, "tls_port": "8443",
            "tls_certificate": "Y2VydA==", "tls_private_key": "a2V5", "disable_catalog_caching": True,
            "enabled_modules": ["api", "catalog"], "cors_allowed_origins": "http://a,http://b", "mode": "api",
            "install_version": "1.0", "disable_file_logging": False, "hmac_secret": "h"}))
        done = self.prldevops("install", "service", f"--file={settings}", "--root", self.root, "--api-port", "8086")
        self.assertEqual((done.returncode, json.loads(done.stdout)["success"]), (0, True), done.stderr)
        for key, value in (("API_PORT", "8086"), ("API_PREFIX", "/p"), ("TLS_PORT", "8443"), ("LOG_LEVEL", "warn"),
                           ("TLS_CERTIFICATE", "Y2VydA=="), ("TLS_PRIVATE_KEY", "***"), ("JWT_HMACS_SECRET", "***"),
                           ("DISABLE_CATALOG_CACHING", "true"), ("ENABLED_MODULES", "api,catalog"),
                           ("CORS_ALLOWED_ORIGINS", "http://a,http://b"), ("LOG_TO_FILE", "true")):
            self.assertEqual(self.in_force(key), value + "  (file)")
        self.assertEqual(self.prldevops("install", "--file=/none.json", "--root", self.root).returncode, 1)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze comes with systemd")
    def test_systemd_understands_the_unit(self):
        program = self.folder / "corral"
        program.symlink_to(os.path.realpath(OPTIONS.corral))
        self.install(f"--program={program}")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.unit], capture_output=True, text=True,
                              timeout=120)
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if "corral" in line]
        self.assertEqual((done.returncode, complaints), (0, []), done.stderr)

    def test_it_is_removed_and_its_data_stay_unless_asked_for(self):
        self.install("API_PORT=8083")
        data = self.root / "var/lib/corral"
        (data / "machines").mkdir(parents=True)
        (data / "corral.db").write_text("x")
        remove = ("uninstall", "service", f"--root={self.root}")
        self.assertEqual(self.run_it(*remove).returncode, 0)
        self.assertFalse(self.unit.exists())
        self.assertTrue(self.config.exists() and (data / "corral.db").exists())
        self.assertEqual(self.run_it(*remove).returncode, 4)
        self.install()
        (data / "machines/web.qemu").mkdir()
        self.assertEqual(self.run_it(*remove, "--full").returncode, 1, "machines run on, and need their disks")
        self.assertTrue(self.unit.exists())
        (data / "machines/web.qemu").rmdir()
        done = self.prldevops("uninstall", "--full", f"--root={self.root}")
        self.assertEqual((done.returncode, json.loads(done.stdout)["success"]), (0, True))
        self.assertFalse(data.exists() or self.config.exists() or self.unit.exists())

    @unittest.skipIf(os.geteuid() == 0, "root may")
    def test_only_root_installs_here(self):
        self.assertEqual(self.run_it("install", "service").returncode, 5)


if __name__ == "__main__":
    OPTIONS = corral.options("corral")
    OPTIONS.corral = os.path.realpath(OPTIONS.corral)
    corral.main()
