#!/usr/bin/env python3
"""Takes each field out of the keys (engine/plan/key.c), one at a time, and wants a unit test to fail.

A field that nothing misses is a field that could be lost unseen: a stale result would be taken for a fresh one.
Speaks TAP. Needs the build's own compiler line (CBUILD_COMPILE, CBUILD_LIBS), as `make check` gives it.
"""
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import tempfile

SOURCE = os.path.join(os.environ.get("CBUILD_SRCDIR", "."), "engine/plan/key.c")
TEST = os.path.join(os.environ.get("CBUILD_SRCDIR", "."), "tests/unit/test_plan_key.c")
CALL = re.compile(r"^\t+(return |r = |if \()?((?:inputs_add|inputs_of|add_)\w*)\(")
VERSION = re.compile(r'^\t"\d+", /\* (\w+) \*/$')
# The call, not the field: what it adds is taken out where it is added.
PASSED_OVER = {"add_platform"}


def statements(lines):
    """(first, last) line numbers of every statement that adds something to a key."""
    found = []
    for first, line in enumerate(lines):
        match = CALL.match(line)
        if not VERSION.match(line) and (not match or match.group(2) in PASSED_OVER):
            continue
        last = first
        while match and not lines[last].rstrip().endswith(";"):
            last += 1
        found.append((first, last))
    return found


def mutant(lines, first, last):
    kept = {"return ": "return 0;", "r = ": "r = 0;"}
    match = CALL.match(lines[first])
    instead = kept.get(match.group(1), ";") if match else '"",'
    return lines[:first] + [instead + "\n"] + lines[last + 1:]


def run(folder, number, text):
    """None when a test failed, else what happened instead."""
    source, program = f"{folder}/key{number}.c", f"{folder}/test{number}"
    with open(source, "w") as file:
        file.write(text)
    compiler = shlex.split(os.environ["CBUILD_COMPILE"])
    libraries = shlex.split(os.environ["CBUILD_LIBS"])
    # A static function that is called no more is no mistake here.
    built = subprocess.run(compiler + ["-w", "-O0", source, TEST, "-o", program] + libraries,
                           capture_output=True, text=True)
    if built.returncode != 0:
        return "it does not compile: " + built.stderr[:400]
    try:
        tested = subprocess.run([program], capture_output=True, timeout=120, env={**os.environ, "TMPDIR": folder})
    except subprocess.TimeoutExpired:
        return None
    finally:
        os.unlink(program)
    return None if tested.returncode != 0 else "no test failed"


def main():
    with open(SOURCE) as file:
        lines = file.readlines()
    found = statements(lines)
    kinds = {VERSION.match(lines[first]).group(1) for first, _ in found if VERSION.match(lines[first])}
    cases = {line.split("_")[1].rstrip(":\n").lower() for line in lines if line.startswith("\tcase NODE_")} - {"kinds"}
    assert kinds == cases and len(found) > 40, "the statements of key.c were not recognised"
    print(f"1..{len(found) + 1}")
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        untouched = run(folder, "-whole", "".join(lines))
        print("ok" if untouched == "no test failed" else "not ok", "1 - with all fields the tests pass", flush=True)
        jobs = [pool.submit(run, folder, i, "".join(mutant(lines, *span))) for i, span in enumerate(found)]
        bad = untouched != "no test failed"
        for i, (job, (first, last)) in enumerate(zip(jobs, found)):
            text = " ".join(line.strip() for line in lines[first:last + 1])
            result = job.result()
            print("ok" if result is None else "not ok", f"{i + 2} - without {text[:100]}".replace("#", ""), flush=True)
            if result:
                bad = True
                print(f"# key.c:{first + 1}: {result}")
    return 1 if bad else 0


sys.exit(main())
