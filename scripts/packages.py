#!/usr/bin/env python3
"""Makes scripts/package's zip, wheels, npm packages and SBOM: packages.py VERSION TO FORM SYSTEM=TREE...

Everything has the time of SOURCE_DATE_EPOCH and a fixed order, so that the same programs make the same bytes.
packages.py --fill FILE replaces ${NAME} in a file by variables of the environment.
"""

import base64
import csv
import hashlib
import io
import json
import os
import pathlib
import re
import string
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile

ROOT = pathlib.Path(__file__).parent.parent
SUMMARY = "Receive RingCentral's webhooks on a developer's laptop"
# What each ecosystem calls a system; the Linux programs are static, so any C library will do.
SYSTEMS = {
    "linux": {"wheel": "manylinux2014_x86_64.musllinux_1_1_x86_64", "os": "linux", "npm": "linux-x64"},
    "windows": {"wheel": "win_amd64", "os": "win32", "npm": "win32-x64"},
}


def files(tree):
    """Returns the files of a tree as pairs of relative path and content."""
    paths = sorted(path for path in pathlib.Path(tree).rglob("*") if path.is_file())
    return [(path.relative_to(tree).as_posix(), path.read_bytes()) for path in paths]


def write_zip(path, entries):
    """Writes a zip of name, content and mode."""
    moment = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name, moment)
            # With the bit of a regular file: pip installs nothing executable without it.
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def make_zip(version, to, system, tree):
    top = pathlib.Path(tree).name
    entries = [(f"{top}/{name}", content, 0o755 if name.startswith("bin/") else 0o644) for name, content in files(tree)]
    yield write_zip(to / f"{top}.zip", entries)


def make_wheel(version, to, system, tree):
    """A wheel without Python: pip puts `scripts` into PATH and `data` below the environment, as for ruff and uv."""
    tag = f"py3-none-{SYSTEMS[system]['wheel']}"
    data, info = f"ringtail-{version}.data", f"ringtail-{version}.dist-info"
    shares = {
        "completions/ringtail.bash": "share/bash-completion/completions/ringtail",
        "completions/ringtail.fish": "share/fish/vendor_completions.d/ringtail.fish",
        "completions/ringtail.zsh": "share/zsh/site-functions/_ringtail",
    }
    entries = []
    for name, content in files(tree):
        if re.fullmatch(r"bin/ringtail(\.exe)?", name):
            entries.append((f"{data}/scripts/{name.removeprefix('bin/')}", content, 0o755))
        elif re.match(r"man/man1/ringtail(?!-relay)", name):
            entries.append((f"{data}/data/share/{name}", content, 0o644))
        elif name in shares:
            entries.append((f"{data}/data/{shares[name]}", content, 0o644))
    metadata = f"Metadata-Version: 2.1\nName: ringtail\nVersion: {version}\nSummary: {SUMMARY}\nLicense: MIT\n"
    tags = [f"Tag: py3-none-{platform}\n" for platform in SYSTEMS[system]["wheel"].split(".")]
    wheel = "Wheel-Version: 1.0\nGenerator: packages.py\nRoot-Is-Purelib: false\n" + "".join(tags)
    entries.append((f"{info}/METADATA", metadata.encode(), 0o644))
    entries.append((f"{info}/WHEEL", wheel.encode(), 0o644))
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for name, content, _ in entries:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow([name, f"sha256={digest}", len(content)])
    rows.writerow([f"{info}/RECORD", "", ""])
    entries.append((f"{info}/RECORD", record.getvalue().encode(), 0o644))
    yield write_zip(to / f"ringtail-{version}-{tag}.whl", entries)


def make_npm(version, to, system, tree):
    """A package for the system, and one with a launcher that wants whichever fits, as for esbuild and biome."""
    common = {"version": version, "description": SUMMARY, "license": "MIT"}
    suffix = ".exe" if system == "windows" else ""
    mine = {**common, "name": f"@ringtail/{SYSTEMS[system]['npm']}", "os": [SYSTEMS[system]["os"]], "cpu": ["x64"]}
    kept = re.compile(rf"bin/ringtail{re.escape(suffix)}|LICENSE|completions/ringtail\..+")
    chosen = {name: content for name, content in files(tree) if kept.fullmatch(name)}
    yield npm_pack(to, mine, chosen)
    pages = {name: content for name, content in files(tree) if re.match(r"man/man1/ringtail(?!-relay)", name)}
    main = {
        **common,
        "name": "ringtail",
        "bin": {"ringtail": "launcher.js"},
        "man": [f"./{name}" for name in pages],
        "optionalDependencies": {f"@ringtail/{it['npm']}": version for it in SYSTEMS.values()},
    }
    launcher = (ROOT / "deploy/packages/launcher.js").read_bytes()
    yield npm_pack(to, main, {"launcher.js": launcher, "LICENSE": (ROOT / "LICENSE").read_bytes(), **pages})


def npm_pack(to, package, content):
    with tempfile.TemporaryDirectory() as directory:
        for name, data in {"package.json": json.dumps(package, indent=2).encode(), **content}.items():
            file = pathlib.Path(directory) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o755 if name.startswith(("bin/", "launcher")) else 0o644)
        command = ["npm", "pack", "--silent", "--pack-destination", str(to.resolve())]
        packed = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
    return to / packed.stdout.strip()


def make_sbom(version, to, *_):
    """What is built into both programs for all systems, as CycloneDX, from `cargo tree` and the lock file."""
    command = ["cargo", "tree", "--locked", "--prefix", "none", "--edges", "normal", "--target", "all"]
    command += ["--format", "{p}\t{l}", "--package", "ringtail", "--package", "ringtail-relay"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    locked = (ROOT / "Cargo.lock").read_text()
    found = re.findall(r'name = "(.+)"\nversion = "(.+)"\n(?:source = ".+"\nchecksum = "(.+)"\n)?', locked)
    checksums = {(name, number): checksum for name, number, checksum in found}
    components = []
    for line in sorted({line.removesuffix(" (*)") for line in lines if "\t" in line}):
        package, licence = line.split("\t")
        name, number = package.split()[0], package.split()[1].removeprefix("v")
        component = {
            "type": "library",
            "bom-ref": f"pkg:cargo/{name}@{number}",
            "name": name,
            "version": number,
            "purl": f"pkg:cargo/{name}@{number}",
            "licenses": [{"expression": licence.replace("/", " OR ")}],
        }
        if checksums[name, number]:
            component["hashes"] = [{"alg": "SHA-256", "content": checksums[name, number]}]
        components.append(component)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
    named = {"type": "application", "bom-ref": "ringtail", "name": "ringtail", "version": version}
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))}",
        "version": 1,
        "metadata": {"timestamp": moment, "component": named},
        "components": components,
    }
    path = to / f"ringtail-{version}.cdx.json"
    path.write_text(json.dumps(bom, indent=1) + "\n")
    yield path


FORMS = {"zip": make_zip, "wheel": make_wheel, "npm": make_npm, "sbom": make_sbom}

if sys.argv[1] == "--fill":
    sys.stdout.write(string.Template(pathlib.Path(sys.argv[2]).read_text()).substitute(os.environ))
else:
    version, to, form, *systems = sys.argv[1:]
    for system in systems or ["="]:
        for path in FORMS[form](version, pathlib.Path(to), *system.split("=", 1)):
            print(path)
