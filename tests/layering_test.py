"""The tree keeps to its layers: who may include what, what lies at the top level, how long a file may be.

Each rule is a function from a tree to its violations; each is shown to fail on a tree that breaks it.
"""

import fnmatch
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
LINE_LIMIT = 400

TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "conf", "certs", "gateway", "h2", "pool", "tests",
}
INTERNAL = {"pool": {"pool"}, "h2": {"pool", "h2"}, "gateway": {"pool", "h2", "gateway"}}

# A library's headers, and the only files that may include them.
EDGES = [
    (("ev.h", "ev++.h"), ("gateway/net/event_loop.*",)),
    (("openssl/*",), ("gateway/net/tls_*", "gateway/http1/websocket_handshake.cc")),
    (("nghttp2/*",), ("h2/nghttp2_*", "h2/session.cc", "h2/stream.cc")),
    (("llhttp.h", "llhttp/*"), ("gateway/http1/codec.cc",)),
    (("toml++/*",), ("gateway/config_*",)),
]


def sources(root):
    for folder in INTERNAL:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cc", ".c"):
                yield path.relative_to(root)


def includes(root):
    """(file, "<" or '"', included name) of every include line."""
    for path in sources(root):
        for kind, name in INCLUDE.findall((root / path).read_text()):
            yield str(path), kind, name


def is_standard(name):
    return re.fullmatch(r"[a-z_0-9]+", name) is not None


def matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def folder_violations(root):
    """pool knows std; h2 knows pool and nghttp2; gateway knows all. Own headers are named from the top of the tree."""
    found = []
    for path, kind, name in includes(root):
        folder = path.split("/")[0]
        if kind == '"':
            if name.split("/")[0] not in INTERNAL[folder]:
                found.append(f'{path} includes "{name}"')
        elif folder == "pool" and not is_standard(name) and not name.startswith("sys/mman"):
            found.append(f"{path} includes <{name}>")
        elif folder == "h2" and not is_standard(name) and not name.startswith("nghttp2/"):
            found.append(f"{path} includes <{name}>")
    return found


def edge_violations(root):
    return [
        f"{path} includes <{name}>; only {', '.join(allowed)} may"
        for path, _, name in includes(root)
        for headers, allowed in EDGES
        if matches(name, headers) and not matches(path, allowed)
    ]


def length_violations(root):
    lengths = {str(path): len((root / path).read_text().splitlines()) for path in sources(root)}
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix in (".h", ".cc", ".py", ".sh"):
            lengths[str(path.relative_to(root))] = len(path.read_text().splitlines())
    return [f"{path} has {count} lines" for path, count in lengths.items() if count > LINE_LIMIT]


def tracked(root):
    output = subprocess.run(
        ["git", "-c", f"safe.directory={root}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, check=True, text=True,
    ).stdout
    return [name for name in output.split("\0") if name and (root / name).exists()]


def top_level_violations(root):
    names = {name.split("/")[0] for name in tracked(root)}
    return [f"{name} at the top level" for name in sorted(names) if not name.startswith(".") and name not in TOP_LEVEL]


def key_violations(root):
    found = []
    for name in tracked(root):
        if pathlib.PurePath(name).suffix in (".key", ".crt", ".pem", ".csr", ".p12"):
            found.append(f"{name} is tracked")
        elif re.search(rb"^-----BEGIN [A-Z ]*(PRIVATE KEY|CERTIFICATE)-----", (root / name).read_bytes(), re.MULTILINE):
            found.append(f"{name} holds a key or a certificate")
    return found


RULES = [folder_violations, edge_violations, length_violations, top_level_violations, key_violations]


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_keeps_the_rule(rule):
    assert list(sources(ROOT))
    assert rule(ROOT) == []


@pytest.mark.parametrize("rule, path, text", [
    (folder_violations, "pool/a.cc", '#include "h2/session.h"\n'),
    (folder_violations, "pool/a.cc", "#include <nghttp2/nghttp2.h>\n"),
    (folder_violations, "pool/a.h", "#  include <openssl/ssl.h>\n"),
    (folder_violations, "h2/a.cc", '#include "gateway/error.h"\n'),
    (folder_violations, "h2/a.cc", "#include <sys/socket.h>\n"),
    (folder_violations, "gateway/a.cc", '#include "error.h"\n'),
    (edge_violations, "gateway/worker.cc", "#include <ev.h>\n"),
    (edge_violations, "gateway/net/socket.cc", "#include <openssl/ssl.h>\n"),
    (edge_violations, "gateway/h2_connection.cc", "#include <nghttp2/nghttp2.h>\n"),
    (edge_violations, "h2/settings.h", "#include <nghttp2/nghttp2.h>\n"),
    (edge_violations, "gateway/http1/connection.cc", '#include "llhttp.h"\n'),
    (edge_violations, "gateway/router.cc", "#include <toml++/toml.h>\n"),
    (length_violations, "gateway/long.cc", "\n" * 401),
    (length_violations, "tests/integration/test_long.py", "\n" * 401),
    (top_level_violations, "docs/page.md", "text\n"),
    (top_level_violations, "notes.txt", "text\n"),
    (key_violations, "certs/localhost.key", "text\n"),
    (key_violations, "conf/text.txt", "-----BEGIN " + "PRIVATE KEY-----\n"),
])
def test_the_rule_sees_a_violation(tmp_path, rule, path, text):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for folder in [*INTERNAL, "tests"]:
        (tmp_path / folder).mkdir()
    assert rule(tmp_path) == []
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert len(rule(tmp_path)) == 1
