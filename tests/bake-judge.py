#!/usr/bin/env python3
"""Compares what cbuild makes of bake files with `docker buildx bake --print`: every file of tests/bake, and random ones.

bake-judge.py PRINT BUILDX FILE...       each file alone; lines "# env: NAME=value", "# set: TARGET.KEY=value" and "# with: FILE" say what else
bake-judge.py PRINT BUILDX --random N    N random ones, of BAKE_SEED
"""
import csv
import json
import os
import random
import re
import subprocess
import sys

PRINT, BUILDX = sys.argv[1:3]
REFUSED = []  # by both
ENTRIES = ("output", "cache-from", "cache-to", "secret", "ssh", "attest")


def fields(text):
    """An entry in CSV as bake prints it."""
    entry = {}
    for field in next(csv.reader([text])):
        key, equals, value = field.partition("=")
        if not equals:
            return None
        entry[key.lower() if key != "id" else key] = value
    return entry


def entry_of(key, text):
    if key == "ssh":
        name, _, paths = text.partition("=")
        return {"id": name, **({"paths": paths.split(",")} if paths else {})}
    entry = fields(text)
    if entry is None:
        if key == "output":
            return {"type": "tar", "dest": "-"} if text == "-" else {"type": "local", "dest": text}
        if key in ("cache-from", "cache-to"):
            return {"type": "registry", "ref": text}
        return {"type": text}
    if key == "attest" and "disabled" in entry:
        entry["disabled"] = entry["disabled"] == "true"
    if key == "secret":
        source = entry.pop("source", None)
        if source is not None:
            entry["src"] = source
        if entry.get("type") in ("file", "env"):
            kind = entry.pop("type")
            if kind == "env" and "src" in entry:
                entry["env"] = entry.pop("src")
    return entry


def unescape(text):
    return text.replace("$${", "${").replace("%%{", "%{")


def canonical(key, value, ours):
    if key in ENTRIES:
        return sorted((json.dumps(entry_of(key, v) if isinstance(v, str) else v, sort_keys=True) for v in value))
    if key in ("labels", "args", "extra-hosts"):
        return {k: v if ours else unescape(v) for k, v in value.items() if v is not None}
    if key in ("dockerfile-inline",):
        return value if ours else unescape(value)
    if key == "annotations":
        return [v if ours else unescape(v) for v in value]
    return value


def target_of(target, ours):
    made = {}
    for key, value in target.items():
        if value in ([], {}, "") and key not in ("target", "call", "network", "shm-size", "context"):
            continue
        if key == "contexts":
            value = {k: v for k, v in value.items() if v}
        if value not in ([], {}):
            made[key] = canonical(key, value, ours)
    # buildx prints paths as it will use them.
    context = made.get("context", ".").removeprefix("cwd://")
    made["context"] = context if "://" in context else os.path.normpath(context)
    made.setdefault("dockerfile", "Dockerfile")
    # bake gives a target what its contexts may; no one reads it here.
    if any(v.startswith("target:") for v in made.get("contexts", {}).values()):
        made.pop("entitlements", None)
    return made


def judge(name, files, env, sets):
    """A complaint, or None."""
    around = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "DOCKER_CONFIG", "SSH_AUTH_SOCK")} | env
    own = subprocess.run([PRINT, *files, "--", *sets], env=around, capture_output=True, text=True)
    targets = list(json.loads(own.stdout)["target"]) if own.returncode == 0 else ["default"]
    groups = set()
    for file in files:
        with open(file) as f:
            groups |= set(re.findall(r'group "([^"]*)"', f.read()))
    targets = [t for t in targets if t not in groups]
    command = [BUILDX, "bake", "--print"]
    for file in files:
        command += ["-f", file]
    for s in sets:
        command += ["--set", s]
    theirs = subprocess.run(command + targets, env=around, capture_output=True, text=True)
    if (own.returncode == 0) != (theirs.returncode == 0):
        return f"{name}: cbuild {'takes' if own.returncode == 0 else 'refuses'} it, bake does not agree:\n{own.stderr}{theirs.stderr}"
    if own.returncode:
        REFUSED.append(name)
        return None
    made, wanted = json.loads(own.stdout)["target"], json.loads(theirs.stdout)["target"]
    for target in targets:
        a, b = target_of(made[target], True), target_of(wanted[target], False)
        if a != b:
            keys = [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]
            return "\n".join(f"{name}: {target}.{k}: cbuild {json.dumps(a.get(k))}, bake {json.dumps(b.get(k))}" for k in keys)
    return None


def judge_file(path):
    env, sets, files = {}, [], [path]
    with open(path) as f:
        for line in f:
            match = re.match(r'\s*(?:#|"//": ")\s*(env|set|with): (.*?)(?:",)?$', line)
            if match and match[1] == "env":
                env[match[2].partition("=")[0]] = match[2].partition("=")[2]
            elif match and match[1] == "set":
                sets.append(match[2])
            elif match:
                files.append(os.path.join(os.path.dirname(path), match[2]))
    return judge(os.path.basename(path), files, env, sets)


WORDS = ["a", "b", "Web", "v1.2.3", "x-y", "", "10", "linux/amd64", "é", "a b", "${", "%{", 'q"q', "tab\t"]
NAMES = ["ALPHA", "BETA", "GAMMA", "LIST", "MAP", "FLAG", "COUNT"]


class Writer:
    """Random expressions by type; what is wrong now and then is wrong for both."""

    def __init__(self, r):
        self.r = r

    def text(self, word):
        word = word.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        return '"' + word.replace("${", "$${").replace("%{", "%%{") + '"'

    def string(self, depth):
        r = self.r
        if depth <= 0:
            return r.choice([self.text(r.choice(WORDS)), r.choice(["ALPHA", "BETA", "GAMMA"])])
        d = depth - 1
        return r.choice([
            lambda: self.text(r.choice(WORDS)),
            lambda: r.choice(["ALPHA", "BETA", "GAMMA"]),
            lambda: f'"x${{{self.string(d)}}}y${{{self.number(d)}}}"',
            lambda: f'"%{{ if {self.boolean(d)} }}yes%{{ else }}no-${{ALPHA}}%{{ endif }}"',
            lambda: f'"%{{ for i, x in {self.list(d)} ~}} ${{i}}=${{x}} %{{ endfor }}."',
            lambda: f"({self.boolean(d)} ? {self.string(d)} : {self.string(d)})",
            lambda: f"{r.choice(['upper', 'lower', 'trimspace', 'title', 'reverse', 'chomp', 'sanitize', 'md5', 'base64encode', 'urlencode', 'basename', 'dirname'])}({self.string(d)})",
            lambda: f"join({self.text(r.choice([',', '-', '']))}, {self.list(d)})",
            lambda: f"replace({self.string(d)}, {self.text(r.choice(['a', 'x', '.', '1']))}, {self.string(0)})",
            lambda: f"substr({self.string(d)}, {r.randint(-2, 2)}, {r.randint(-1, 3)})",
            lambda: f'format("%s|%5s|%-4d|%03d|%t|%v|%q", {self.string(d)}, {self.string(0)}, {self.integer(d)}, {self.integer(0)}, {self.boolean(0)}, {self.list(0)}, {self.string(0)})',
            lambda: f"jsonencode({r.choice([self.list, self.map, self.string, self.number])(d)})",
            lambda: f"element({self.filled(d)}, {r.randint(0, 4)})",
            lambda: f"{self.filled(d)}[0]",
            lambda: f"lookup({self.map(d)}, {self.text(r.choice(['a', 'b', 'k']))}, {self.string(0)})",
            lambda: f"try({self.string(d)}, {self.string(0)})",
            lambda: f"coalesce({self.string(d)}, {self.string(0)})",
            lambda: f'regex_replace({self.string(d)}, "[a-z]+", "<$0>")',
            lambda: f"own({self.string(d)}, {self.string(0)})",
            lambda: f"trimprefix({self.string(d)}, {self.string(0)})",
        ])()

    def integer(self, depth):
        r = self.r
        if depth <= 0:
            return r.choice([str(r.randint(-20, 1000)), "COUNT"])
        d = depth - 1
        return r.choice([
            lambda: str(r.randint(0, 9)),
            lambda: f"({self.integer(d)} {r.choice('+-*')} {self.integer(d)})",
            lambda: f"length({self.list(d)})",
            lambda: f"strlen({self.string(d)})",
            lambda: f"max({self.integer(d)}, {self.integer(0)})",
            lambda: f"{r.choice(['absolute', 'negate'])}({self.integer(d)})",
            lambda: f"({self.integer(d)} % 7)",
            lambda: f"{r.choice(['floor', 'ceil', 'int'])}({self.number(d)})",
        ])()

    def number(self, depth):
        return self.r.choice([lambda: self.integer(depth), lambda: self.r.choice(["0.5", "1.25", "2e3", "-0.75"]),
                              lambda: f"({self.integer(0)} / {self.r.choice([2, 4, 8])})"])()

    def boolean(self, depth):
        r = self.r
        if depth <= 0:
            return r.choice(["true", "false", "FLAG"])
        d = depth - 1
        return r.choice([
            lambda: r.choice(["true", "false", "FLAG"]),
            lambda: f"{self.string(d)} {r.choice(['==', '!='])} {self.string(d)}",
            lambda: f"{self.number(d)} {r.choice(['<', '<=', '>', '>=', '=='])} {self.number(d)}",
            lambda: f"!({self.boolean(d)})",
            lambda: f"({self.boolean(d)} {r.choice(['&&', '||'])} {self.boolean(d)})",
            lambda: f"contains({self.list(d)}, {self.string(0)})",
            lambda: f'can(regex("^[a-z]", {self.string(d)}))',
            lambda: f'equal({self.string(d)}, {self.string(0)})',
        ])()

    def filled(self, depth):
        return f"concat([{self.string(0)}], {self.list(depth)})"

    def list(self, depth):
        r = self.r
        if depth <= 0:
            return r.choice(["LIST", "[" + ", ".join(self.string(0) for _ in range(r.randint(0, 3))) + "]"])
        d = depth - 1
        return r.choice([
            lambda: "LIST",
            lambda: "[" + ", ".join(self.string(d) for _ in range(r.randint(0, 3))) + "]",
            lambda: f"[for x in {self.list(d)} : \"${{x}}-{r.randint(0, 9)}\" if x != {self.string(0)}]",
            lambda: f"[for k, v in {self.map(d)} : \"${{k}}=${{v}}\"]",
            lambda: f'split({self.text(r.choice([",", "-", "a"]))}, {self.string(d)})',
            lambda: f"{r.choice(['sort', 'distinct', 'compact', 'reverselist'])}({self.list(d)})",
            lambda: f"concat({self.list(d)}, {self.list(0)})",
            lambda: f"keys({self.map(d)})",
            lambda: f"values({self.map(d)})",
            lambda: f"flatten([{self.list(d)}, [{self.list(0)}]])",
            lambda: f'formatlist("%s:%s", {self.string(0)}, {self.list(d)})',
            lambda: f"{self.list(d)}[*]",
            lambda: f"({self.boolean(d)} ? {self.list(0)} : {self.list(0)})",
        ])()

    def map(self, depth):
        r = self.r
        if depth <= 0:
            return r.choice(["MAP", "{ a = " + self.string(0) + ", k = " + self.string(0) + " }"])
        d = depth - 1
        return r.choice([
            lambda: "MAP",
            lambda: f"merge({self.map(d)}, {self.map(0)})",
            lambda: f"{{for k, v in {self.map(d)} : upper(k) => \"${{v}}.\"}}",
            lambda: f"{{ \"b\" : {self.string(d)}, (ALPHA) = {self.string(0)} }}",
            lambda: f"{{for i, x in {self.list(d)} : \"k${{i}}\" => x}}",
        ])()

    def target(self, name, others):
        r, lines = self.r, []
        add = lines.append
        if others and r.random() < 0.5:
            add("inherits = [" + ", ".join(f'"{o}"' for o in r.sample(others, r.randint(1, min(2, len(others))))) + "]")
        pairs = r.choice([lambda: self.map(2), lambda: "{\n" + "".join(
            f"    K{i} = {r.choice([self.string, self.number, self.boolean, lambda d: 'null'])(2)}\n" for i in range(r.randint(1, 4))) + "  }"])
        if r.random() < 0.7:
            add(f"args = {pairs()}")
        if r.random() < 0.3:
            add(f"labels = {self.map(2)}")
        if r.random() < 0.5:
            add(f"tags = {self.list(2)}")
        if r.random() < 0.3:
            add(f"target = {self.string(2)}")
        if r.random() < 0.3:
            add("platforms = " + r.choice(['["linux/amd64", "linux/arm64", "linux/amd64"]', "[BAKE_LOCAL_PLATFORM]", "[]"]))
        if r.random() < 0.3:
            add("dockerfile-inline = <<-EOT\n    FROM x\n      # ${ALPHA}\n    %{ for x in LIST }\n    RUN ${x}\n    %{ endfor }\n  EOT")
        if r.random() < 0.2:
            add(f"no-cache = {self.boolean(2)}")
        if others and r.random() < 0.2:
            add(f'contexts = {{ base = "target:{r.choice(others)}" }}')
        if others and r.random() < 0.2:
            add(f"description = \"${{jsonencode(target.{r.choice(others)}.tags)}}\"")
        if r.random() < 0.2:
            add("no-cache-filter = LIST")
        return f'target "{name}" {{\n  ' + "\n  ".join(lines) + "\n}\n"

    def file(self):
        r = self.r
        text = f'variable "ALPHA" {{ default = {self.text(r.choice(WORDS))} }}\nvariable "BETA" {{\n  default = "beta-${{ALPHA}}"\n}}\n'
        text += 'variable "GAMMA" {}\nvariable "FLAG" { default = ' + r.choice(["true", "false"]) + " }\n"
        text += 'variable "COUNT" {\n  type = number\n  default = ' + str(r.randint(0, 50)) + "\n}\n"
        text += 'variable "LIST" {\n  type = ' + r.choice(["list(string)", "set(string)" if r.random() < 0.2 else "list(string)"]) + '\n  default = ["x", "y", "x"]\n}\n'
        text += 'variable "MAP" { default = { a = "1", k = "two" } }\n'
        text += 'function "own" {\n  params = [p, q]\n  result = "${p}/${q}"\n}\n'
        others = []
        for i in range(r.randint(1, 4)):
            text += self.target(f"t{i}", others)
            others.append(f"t{i}")
        if r.random() < 0.4:
            text += 'target "m" {\n  name = "m-${x}-${y.n}"\n  matrix = {\n    x = ["1", "2"]\n    y = [{ n = "a", v = 1 }, { n = "b", v = 2 }]\n  }\n'
            text += f'  args = {{ X = x, Y = y.v, Z = {self.string(1)} }}\n  tags = ["r/${{x}}:${{y.n}}"]\n}}\n'
        return text


def judge_random(count):
    seed = int(os.environ.get("BAKE_SEED", "1"))
    for i in range(count):
        r = random.Random(seed * 100000 + i)
        path = f"random-{i}.hcl"
        with open(path, "w") as f:
            f.write(Writer(r).file())
        env = {}
        for name, values in {"ALPHA": WORDS[:6], "COUNT": ["3", "x"], "FLAG": ["1", "false"], "LIST": ["p,q", ""], "GAMMA": ["g"]}.items():
            if r.random() < 0.15:
                env[name] = r.choice(values)
        sets = r.sample(["t0.tags=set/it:1", "*.args.K0=set", "t*.platform=linux/arm64", "t0.labels.l=v", "t0.tags+=more/tag:1"], r.randint(0, 2)) \
            if r.random() < 0.3 else []
        complaint = judge(path, [path], env, sets)
        if complaint:
            print(f"BAKE_SEED={seed}, {path}, {env}, {sets}:\n{complaint}")
            if os.environ.get("BAKE_GO_ON") is None:
                return 1
        else:
            os.unlink(path)
    print(f"{count} files of BAKE_SEED={seed}, {len(REFUSED)} of them refused by both")
    return 0


if sys.argv[3] == "--random":
    sys.exit(judge_random(int(sys.argv[4])))
complaints = [c for c in map(judge_file, sys.argv[3:]) if c]
print("\n".join(complaints))
print("refused by both:", *sorted(REFUSED))
sys.exit(1 if complaints else 0)
