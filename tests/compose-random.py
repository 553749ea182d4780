#!/usr/bin/env python3
"""Compares cbuild with docker compose on random projects: files, overrides, env files, extends, include, profiles.

    compose-random.py CBUILD COMPOSE COUNT [FIRST]
    compose-random.py CBUILD COMPOSE FILE...           files of the current folder instead

What both make of a project must be the same: `compose config` of the project and of what `cbuild export compose` writes, and
`compose build --print` beside `cbuild export bake`. A project is told by its number, so that it can be made again.
"""
import json, os, random, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor

FOLDERS = ["web", "api", "jobs", "sub/db"]
WORDS = ["one", "two", "x y", "#hash", "a#b", "", "$$5", "${A}", "${B:-b}", "${C-c}", "${NOT_SET}", "${D:+d}", "p${A}s", "$A-$B", "^.+$$"]
NAMES = ["A", "B", "C", "D", "E"]
LINES = ["A=one", "B=two # said", "C=#ff0000", "D='s $A'", "E=\"q ${A}\" tail", "B=${B}more", "C=$LATER", "LATER=l", "export A = sp aced",
         "D=", "E: yaml", "A=a#b", "B=\"x\\ty\"", "", "# comment", "C=${A:-none}", "D=x\r"]


class Project:
    def __init__(self, number, root):
        self.r = random.Random(number)
        self.root = os.path.join(root, "p%d" % number)
        self.args, self.environ, self.declared = [], {}, set()

    def some(self, chance):
        return self.r.random() < chance

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", newline="") as file:
            file.write(text)

    def word(self):
        return self.r.choice(WORDS)

    def pairs(self, names):
        picked = self.r.sample(names, self.r.randint(1, len(names)))
        if self.some(0.5):
            return {name: self.word() for name in picked}
        items = ["%s=%s" % (name, self.word()) for name in picked]
        if self.some(0.2):
            items.append("%s=last" % picked[0])
        if self.some(0.2):
            items.append("W${NUMBER}=n")
        return list(dict.fromkeys(items))

    def build(self, base=""):
        if self.some(0.2):
            return base + self.r.choice(FOLDERS)
        build = {}
        if self.some(0.8):
            build["context"] = base + self.r.choice(FOLDERS)
        if self.some(0.3):
            build["dockerfile"] = self.r.choice(["Dockerfile", "Dockerfile.dev", "${EMPTY:-}"])
        if self.some(0.4):
            build["target"] = self.r.choice(["dev", "prod", "${STAGE:-prod}", "${EMPTY:-}"])
        if self.some(0.5):
            build["args"] = self.pairs(["X", "Y", "Z"])
        if self.some(0.2):
            build["labels"] = self.pairs(["l.a", "l.b"])
        if self.some(0.2):
            build["platforms"] = self.r.sample(["linux/amd64", "linux/arm64", "wasi/wasm"], self.r.randint(1, 2))
        if self.some(0.1):
            build["cache_from"] = ["acme/cache:%s" % self.r.choice("ab")]
        if self.some(0.1):
            build["network"] = self.r.choice(["host", "none", "${EMPTY:-}"])
        return build

    def service(self, name, base=""):
        service = {}
        if self.some(0.75):
            service["build"] = self.build(base)
        if "build" not in service or self.some(0.3):
            service["image"] = "acme/%s:%s" % (name.lower(), self.r.choice(["1", "${TAG:-2}"]))
        if self.some(0.4):
            service["environment"] = self.pairs(NAMES)
        if self.some(0.2):
            service["command"] = self.r.choice([["run", "${A:-a}"], "run $$HOME '${B:-x y}'", ["$$(seq 1)"]])
        if self.some(0.1):
            service["user"] = self.r.choice(["1000", "${EMPTY:-}"])
        if self.some(0.1):
            service["working_dir"] = self.r.choice(["/srv", "${EMPTY:-}"])
        if self.some(0.2):
            service["profiles"] = self.r.sample(["debug", "extra"], self.r.randint(1, 2))
        if self.some(0.1):
            service["pull_policy"] = self.r.choice(["always", "never", "missing", "if_not_present", "build", "daily", "every_1d2h"])
        if self.some(0.2):
            service["env_file"] = self.r.choice(["run.env", ["run.env"], [{"path": "gone.env", "required": False}]])
        return service

    def over(self, name, tags):
        """What a further file says about a service."""
        service = {}
        if self.some(0.5):
            service["build"] = {"args": self.pairs(["X", "Y", "V"])}
            if self.some(0.4):
                service["build"]["target"] = self.r.choice(["dev", "prod"])
        if self.some(0.5):
            service["environment"] = self.pairs(NAMES)
        if self.some(0.3):
            service["image"] = "acme/%s:over" % name.lower()
        if self.some(0.2):
            service["command"] = ["over"]
        if tags and self.some(0.3):
            service["environment"] = self.r.choice([Tagged("!reset", "null"), Tagged("!override", '{"O": "o"}')])
        return service

    def files(self):
        names = self.r.sample(["web", "worker", "api", "db", "Cron"], self.r.randint(1, 4))
        first = {name: self.service(name) for name in names}
        for name in names[1:]:
            if self.some(0.3):
                first[name]["extends"] = self.r.choice([{"service": names[0]}, names[0]])
                if "build" in first[name] and self.some(0.7):
                    del first[name]["build"]
                first[name]["image"] = "acme/%s:own" % name.lower()
            elif self.some(0.2):
                first[name]["extends"] = {"file": "sub/base.yaml", "service": "base"}
                first[name]["image"] = "acme/%s:own" % name.lower()
            elif self.some(0.3):
                first[name]["depends_on"] = self.r.choice(
                    [[names[0]], {names[0]: {"condition": "service_started", "required": False, "restart": True}}])
            if self.some(0.3):
                key, value = self.r.choice([("links", ["%s"]), ("links", ["%s:other"]), ("volumes_from", ["%s:ro", "container:c"]),
                                            ("network_mode", "service:%s"), ("pid", "service:%s"), ("ipc", "host")])
                first[name][key] = json.loads(json.dumps(value).replace("%s", names[0]))
        document = {"services": first}
        if self.some(0.3):
            document["name"] = self.r.choice(["shop", "my_shop"])
        if self.some(0.3):
            document["include"] = [self.r.choice(["sub/more.yaml", {"path": ["sub/more.yaml", "sub/over.yaml"]},
                                                  {"path": "sub/more.yaml", "env_file": "more.env"}])]
        self.write("sub/base.yaml", dump({"services": {"base": dict(self.service("base"), user="7")}}))
        self.write("sub/more.yaml", dump({"services": {"more": dict(self.service("more"), image="acme/more:${TAG:-m}")}}))
        self.write("sub/over.yaml", dump({"services": {"more": {"environment": {"OVER": "${B:-o}"}}}}))
        self.write("compose.yaml", dump(document))
        kind = self.r.randint(0, 3)
        further = {name: self.over(name, True) for name in self.r.sample(names, self.r.randint(1, len(names)))}
        text = self.r.choice([dump({"services": further}), "# nothing\n", ""]) if self.some(0.9) else "name: over\n"
        if kind == 1:
            self.write("compose.override.yaml", text)
        elif kind == 2:
            self.write("second.yaml", text)
            self.args += ["-f", "compose.yaml", "-f", "second.yaml"]
        elif kind == 3:
            self.write("second.yaml", text)
            self.environ["COMPOSE_FILE"] = "compose.yaml:second.yaml"

    def env_file(self):
        lines = self.r.sample(LINES, self.r.randint(1, 8))
        return ("\ufeff" if self.some(0.1) else "") + "\n".join(lines) + "\n"

    def make(self):
        for folder in FOLDERS + ["."]:
            for base in ["", "sub/"]:
                for name in ["Dockerfile", "Dockerfile.dev"]:
                    self.write(os.path.join(base + folder, name), "FROM scratch AS dev\nFROM scratch AS prod\n")
        self.files()
        for name in [".env", "run.env", "sub/run.env", "sub/.env", "more.env", "one.env", "two.env"]:
            if name != ".env" or self.some(0.7):
                self.write(name, self.env_file())
        if self.some(0.2):
            self.args += ["--env-file", "one.env", "--env-file", "two.env"]
        elif self.some(0.1):
            self.environ["COMPOSE_ENV_FILES"] = "one.env,two.env"
        if self.some(0.2):
            self.environ["COMPOSE_PROJECT_NAME"] = "outside"
        if self.some(0.2):
            self.args += ["-p", "given"]
        self.environ["NUMBER"] = self.r.choice("12")
        for name in NAMES:
            if self.some(0.1):
                self.environ[name] = "outside %s" % name


class Given:
    """A file that is there."""
    def __init__(self, name):
        self.root, self.name, self.args, self.environ = os.getcwd(), name, ["-f", name], {}

    def make(self):
        pass

    def write(self, _, text):
        with open("exported.yaml", "w") as file:
            file.write(text)


class Tagged:
    def __init__(self, tag, text):
        self.text = "%s %s" % (tag, text)


def dump(value):
    """YAML in flow style: JSON, and compose's tags."""
    if isinstance(value, Tagged):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join("%s: %s" % (json.dumps(key), dump(item)) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(dump(item) for item in value) + "]"
    return json.dumps(value)


def run(project, argv):
    environ = {key: os.environ[key] for key in ("PATH", "HOME", "DOCKER_CONFIG") if key in os.environ}
    environ.update(project.environ)
    done = subprocess.run(argv, cwd=project.root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode, done.stdout, done.stderr


def tagged(reference):
    return reference if ":" in reference.rsplit("/", 1)[-1] else reference + ":latest"


def services_of(text):
    """What a config says of images and how they run."""
    config, result = json.loads(text), {}
    for name, service in config.get("services", {}).items():
        image = service.get("image") or "%s-%s" % (config["name"], name.lower())
        own = {key: service[key] for key in ("environment", "command", "user", "working_dir", "profiles", "pull_policy") if service.get(key)}
        own["profiles"] = sorted(own.get("profiles", []))
        own["image"] = tagged(image)
        own["depends_on"] = {other: (how.get("condition"), how.get("required"), how.get("restart", False))
                             for other, how in service.get("depends_on", {}).items()}
        result[name] = own
    return config["name"], result


def targets_of(text, root):
    result = {}
    for name, target in json.loads(text or "{}").get("target", {}).items():
        own = {key: value for key, value in target.items() if key not in ("output", "context", "dockerfile", "labels", "tags")}
        if "platforms" in own:
            own["platforms"] = list(dict.fromkeys(own["platforms"]))  # one that is given twice is built once
        own["context"] = os.path.normpath(os.path.join(root, target.get("context", ".")))
        own["dockerfile"] = os.path.normpath(os.path.join(own["context"], target.get("dockerfile", "Dockerfile")))
        own["labels"] = {key: value for key, value in target.get("labels", {}).items() if not key.startswith("com.docker.compose.")}
        own["tags"] = sorted(tagged(tag.lower()) for tag in target.get("tags", []))
        result[name] = own
    return result


def differences(one, other, path=""):
    if isinstance(one, dict) and isinstance(other, dict):
        return [line for key in sorted(set(one) | set(other))
                for line in differences(one.get(key), other.get(key), "%s/%s" % (path, key))]
    return [] if one == other or (not one and not other) else ["%s: compose %r, cbuild %r" % (path, one, other)]


def compare(project, cbuild, compose):
    """(whether compose took it, the differences)"""
    project.make()
    every = ["--profile", "*"]
    status, config, _ = run(project, [compose] + project.args + every + ["config", "--format", "json"])
    if status != 0:
        return False, []
    _, targets, _ = run(project, [compose] + project.args + every + ["build", "--print"])
    found = []
    for form in "compose", "bake":
        if form == "bake" and not targets_of(targets, project.root):
            continue
        status, text, said = run(project, [cbuild, "export", form, "-o", "-"] + project.args + every)
        if status != 0:
            return True, ["cbuild refuses it: %s" % said.partition("\n")[0]]
        if form == "bake":
            found += differences(targets_of(targets, project.root), targets_of(text, project.root))
            continue
        project.write("exported.yaml", text)
        files = [word for at, word in enumerate(project.args) if word != "-f" and (at == 0 or project.args[at - 1] != "-f")]
        status, again, said = run(project, [compose, "-f", "exported.yaml"] + files + every + ["config", "--format", "json"])
        if status != 0:
            return True, ["compose refuses what cbuild exports: %s" % said]
        for one, other in zip(services_of(config), services_of(again)):
            found += differences(one, other)
    return True, found


def given(cbuild, compose, names):
    bad = taken = 0
    for name in names:
        took, found = compare(Given(name), cbuild, compose)
        taken += took
        bad += bool(found)
        for line in found:
            print("%s: %s" % (name, line))
    print("%d files, %d that compose takes, %d that differ" % (len(names), taken, bad))
    return 1 if bad else 0


def main():
    cbuild, compose = sys.argv[1], sys.argv[2]
    if not sys.argv[3].isdigit():
        return given(cbuild, compose, sys.argv[3:])
    count = int(sys.argv[3])
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    taken = bad = 0
    with tempfile.TemporaryDirectory() as root, ThreadPoolExecutor(os.cpu_count()) as pool:
        projects = [Project(number, root) for number in range(first, first + count)]
        for project, (took, found) in zip(projects, pool.map(lambda p: compare(p, cbuild, compose), projects)):
            taken += took
            bad += bool(found)
            for line in found:
                print("%s: %s" % (os.path.basename(project.root), line))
    print("%d projects, %d that compose takes, %d that differ" % (count, taken, bad))
    return 1 if bad or taken < count * 3 // 4 else 0


if __name__ == "__main__":
    sys.exit(main())
