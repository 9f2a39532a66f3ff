"""Runs generate.py against a fake fal on localhost (no key, no money):  python -m unittest -v test_generate"""
import csv, json, os, re, signal, sqlite3, struct, subprocess, sys, tempfile, threading, time, unittest, zlib
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent


def png(n=32):
    def chunk(t, d):
        return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", n, n, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0" * (n * (n + 1)))) + chunk(b"IEND", b""))


class Fake(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.jobs, self.accepted, self.seen = {}, Counter(), Counter()
        self.lock, self.running, self.peak, self.delay, self.price = threading.Lock(), 0, 0, 0.05, 0.003
        self.mode = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *a):
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def reply(self, code, body=b"", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(code)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        s = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.headers["authorization"] == "Key k" and self.headers["x-fal-no-retry"] == "1"
        assert self.path == "/fal-ai/flux/schnell" and body["num_images"] == 1
        assert body["image_size"]["width"] == body["image_size"]["height"]
        p = body["prompt"]
        with s.lock:
            s.seen[p] += 1
            n = s.seen[p]
        if s.mode == "locked":
            return self.reply(403, {"detail": "User is locked. Reason: Exhausted balance."})
        if "post429" in p and n <= 2:
            return self.reply(429, {"detail": "slow"}, retry_after="1")
        if "post422" in p:
            return self.reply(422, {"detail": [{"loc": ["body", "prompt"], "msg": "bad", "type": "value_error"}]})
        with s.lock:
            s.accepted[p] += 1
            rid = f"r{len(s.jobs)}"
            s.jobs[rid] = {"p": p, "t": time.time(), "n": s.accepted[p], "gets": 0, "dl": 0, "open": True}
            s.running += 1
            s.peak = max(s.peak, s.running)
        if "postdrop" in p:
            self.done(rid)
            self.close_connection = True
            return self.connection.close()
        if "post503" in p or s.mode == "all503":
            self.done(rid)
            return self.reply(503, b"<html>nginx</html>")
        u = f"{s.url}/fal-ai/flux/requests/{rid}"
        self.reply(200, {"request_id": rid, "status_url": u + "/status", "response_url": u, "cancel_url": u + "/cancel"})

    def done(self, rid):
        with self.server.lock:
            if self.server.jobs[rid]["open"]:
                self.server.jobs[rid]["open"] = False
                self.server.running -= 1

    def do_PUT(self):
        self.reply(202, {"status": "CANCELLATION_REQUESTED"})

    def do_GET(self):
        s = self.server
        if self.path.startswith("/v1/models/pricing"):
            if s.price is None:
                return self.reply(500, b"")
            return self.reply(200, {"prices": [{"endpoint_id": "fal-ai/flux/schnell", "unit_price": s.price,
                                                "unit": "megapixels", "currency": "USD"}]})
        if m := re.match(r"/img/(\w+)", self.path):
            assert self.headers["authorization"] is None
            j = s.jobs[m[1]]
            j["dl"] += 1
            if "cut" in j["p"] and j["dl"] == 1:
                return self.reply(200, png()[:-20])
            if "dl404" in j["p"]:
                return self.reply(404)
            return self.reply(200, png())
        m = re.match(r"/fal-ai/flux/requests/(\w+)(/status)?$", self.path)
        j = s.jobs[m[1]]
        p = j["p"]
        if m[2]:
            if "gone" in p:
                return self.reply(404, {"detail": "not found"})
            if "stuck" in p or time.time() - j["t"] < s.delay:
                return self.reply(202, {"status": "IN_PROGRESS"})
            self.done(m[1])
            return self.reply(200, {"status": "COMPLETED"})
        j["gets"] += 1
        if "gw502" in p and j["gets"] <= 2:
            return self.reply(502, b"<html>bad gateway</html>")
        if "once500" in p and j["n"] == 1 or "always500" in p:
            return self.reply(500, {"detail": "Internal Server Error"}, x_fal_error_type="internal_server_error")
        if "job422" in p:
            return self.reply(422, {"detail": [{"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}]})
        if "empty" in p:
            return self.reply(200, {"images": []})
        self.reply(200, {"images": [{"url": f"{s.url}/img/{m[1]}"}], "has_nsfw_concepts": ["nsfw" in p]},
                   x_fal_billable_units="3" if "pricey" in p else "1")


class T(unittest.TestCase):
    def setUp(self):
        self.f = Fake()
        self.tmp = tempfile.TemporaryDirectory()
        self.d = Path(self.tmp.name)

    def tearDown(self):
        self.f.shutdown()
        self.f.server_close()
        self.tmp.cleanup()

    def rows(self, prompts):
        with open(self.d / "p.csv", "w", newline="") as f:
            csv.writer(f).writerows([["id", "prompt"], *[[i, p] for i, p in enumerate(prompts, 1)]])

    def start(self, *args, queue=None):
        env = {**os.environ, "FAL_KEY": "k", "FAL_QUEUE_URL": queue or self.f.url, "FAL_API_URL": self.f.url,
               "TEST_TIME_SCALE": "0.01"}
        return subprocess.Popen([sys.executable, HERE / "generate.py", "--csv", self.d / "p.csv", "--out", self.d / "o",
                                 *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run_it(self, *args, **kw):
        p = self.start(*args, **kw)
        self.out = p.communicate(timeout=120)[0]
        return p.returncode

    def states(self):
        db = sqlite3.connect(self.d / "o/ledger.sqlite")
        r = dict(db.execute("SELECT prompt, state FROM attempt ORDER BY id"))
        self.micro = db.execute("SELECT SUM(cost_micro) FROM attempt").fetchone()[0]
        db.close()
        return r

    def images(self):
        return len(list((self.d / "o/images").glob("*.png")))

    def test_full_run_of_the_real_csv(self):
        (self.d / "p.csv").write_bytes((HERE / "prompts.csv").read_bytes())
        self.assertEqual(self.run_it(), 0, self.out if hasattr(self, "out") else "")
        self.assertEqual(self.images(), 300)
        self.assertEqual(set(self.f.accepted.values()), {1})
        self.assertLessEqual(self.f.peak, 4)
        self.states()
        self.assertEqual(self.micro, 900_000)
        self.assertEqual(self.run_it(), 0)
        self.assertEqual(sum(self.f.accepted.values()), 300)

    def test_every_kind_of_failure(self):
        kinds = ["ok", "nsfw", "job422", "post422", "once500", "always500", "postdrop", "post503", "post429", "gw502",
                 "cut", "empty", "gone", "dl404"]
        self.rows(
            [x for i, k in enumerate(kinds) for x in (k, f"ok{i}a", f"ok{i}b")])
        self.assertEqual(self.run_it(), 1)
        want = {"ok": "done", "nsfw": "failed", "job422": "failed", "post422": "refused", "once500": "done",
                "always500": "failed", "postdrop": "unknown", "post503": "unknown", "post429": "done", "gw502": "done",
                "cut": "done", "empty": "failed", "gone": "unknown", "dl404": "generated"}
        got = self.states()
        self.assertEqual({k: got[k] for k in kinds}, want, self.out)
        self.assertTrue(all(v == "done" for k, v in got.items() if k.startswith("ok")))
        twice = {k for k, n in self.f.accepted.items() if n > 1}
        self.assertEqual(twice, {"once500", "always500"})
        self.assertEqual(self.f.accepted["always500"], 2)
        with open(self.d / "o/failures.csv") as f:
            fails = {r["prompt"]: r["reason"] for r in csv.DictReader(f)}
        self.assertEqual(set(fails), {k for k, v in want.items() if v != "done"})
        self.assertIn("content_policy_violation", fails["job422"])
        before = sum(self.f.accepted.values())
        self.assertEqual(self.run_it(), 1)  # resume: nothing is sent again
        self.assertEqual(sum(self.f.accepted.values()), before)
        self.run_it("--retry-failed", "--retry-unknown")
        self.assertEqual(self.f.accepted["postdrop"], 2)
        self.assertEqual(self.f.accepted["always500"], 3)

    def test_budget(self):
        self.rows([f"p{i}" for i in range(20)])
        self.assertEqual(self.run_it("--budget", "0.0315"), 3)
        self.assertEqual(sum(self.f.accepted.values()), 10)
        self.assertEqual(self.images(), 10)
        self.assertEqual(self.run_it("--budget", "0.0315"), 3)  # counts over runs
        self.assertEqual(sum(self.f.accepted.values()), 10)

    def test_billed_more_than_reserved(self):
        self.rows(["pricey"] + [f"p{i}" for i in range(30)])
        self.assertEqual(self.run_it(), 3)
        self.assertLess(sum(self.f.accepted.values()), 10)
        self.assertIn("was billed", self.out)

    def test_kill_and_resume(self):
        self.rows([f"p{i}" for i in range(40)])
        self.f.delay = 0.2
        for sig in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            p = self.start()
            time.sleep(1.1)
            p.send_signal(sig)
            p.communicate(timeout=60)
        self.run_it()
        st = self.states()
        self.assertEqual(set(self.f.accepted.values()), {1})
        self.assertLessEqual(self.f.peak, 4)
        self.assertTrue(set(st.values()) <= {"done", "unknown"}, st)
        self.assertEqual(sum(v == "done" for v in st.values()), self.images())
        self.assertGreater(self.images(), 30)

    def test_two_at_once(self):
        self.rows(["p"] * 1 + [f"p{i}" for i in range(20)])
        self.f.delay = 0.5
        a = self.start()
        time.sleep(1)
        self.assertEqual(self.run_it(), 2)
        self.assertIn("already running", self.out)
        a.communicate(timeout=60)
        self.assertEqual(set(self.f.accepted.values()), {1})

    def test_account_locked(self):
        self.rows([f"p{i}" for i in range(50)])
        self.f.mode = "locked"
        self.assertEqual(self.run_it(), 3)
        self.assertLessEqual(sum(self.f.seen.values()), 4)
        self.states()
        self.assertEqual(self.micro, 0)
        self.f.mode = None
        self.assertEqual(self.run_it(), 0)

    def test_breaker(self):
        self.rows([f"p{i}" for i in range(100)])
        self.f.mode = "all503"
        self.assertEqual(self.run_it(), 3)
        self.assertLessEqual(sum(self.f.accepted.values()), 12)

    def test_offline_costs_nothing_and_ends(self):
        self.rows(["a", "b"])
        self.assertEqual(self.run_it(queue="http://127.0.0.1:9"), 3)
        self.states()
        self.assertEqual(self.micro, 0)
        self.assertEqual(self.run_it(), 0)

    def test_stuck_jobs_hold_their_slots(self):
        self.rows([f"stuck{i}" for i in range(6)])
        self.assertEqual(self.run_it(), 3)
        self.assertEqual(sum(self.f.accepted.values()), 4)

    def test_no_price_no_start(self):
        self.rows(["a"])
        self.f.price = None
        self.assertEqual(self.run_it(), 2)
        self.assertEqual(self.run_it("--price-per-megapixel", "0.003"), 0)

    def test_deleted_image_is_downloaded_not_regenerated(self):
        self.rows(["a"])
        self.assertEqual(self.run_it(), 0)
        (self.d / "o/images/0001.png").unlink()
        self.assertEqual(self.run_it(), 0)
        self.assertEqual((self.images(), self.f.accepted["a"]), (1, 1))

    def test_limit_then_rest(self):
        self.rows(["a", "b", "c"])
        self.assertEqual(self.run_it("--limit", "1"), 1)
        self.assertEqual(self.images(), 1)
        self.assertEqual(self.run_it(), 0)

    def test_lost_ledger(self):
        self.rows(["a"])
        self.run_it()
        (self.d / "o/ledger.sqlite").unlink()
        self.assertEqual(self.run_it(), 2)


if __name__ == "__main__":
    unittest.main()
