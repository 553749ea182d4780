#!/usr/bin/env python3
"""docs/reliability.md counts what may go wrong, and names the tests that show what happens then. This checks, as TAP, that each row's tests are
there and are at least as many as it says; with --write it sets the numbers.

What counts: each test of a .bats file, or as many as a line "# scenarios: N" above it says; each test of a program in C, and each row of its
tables (a line that begins with `{ "`); each manifest of a folder; each line of another file that is no comment.
"""
import os
import re
import sys

PAGE = "docs/reliability.md"
ROW = re.compile(r"^\| (?P<input>[^|]+) \| (?P<must>[^|]+) \| (?P<number>\d+) \| (?P<tests>[^|]+) \|$")
TOTAL = re.compile(r"\*\*(\d+) scenarios\*\*")


def count(path):
    if os.path.isdir(path):
        return sum(name.endswith(".yaml") for name in os.listdir(path))
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    if path.endswith(".c"):
        tests = [line for line in lines if re.match(r"static void \w+\(void \*\*state\)", line)]
        return len(tests) + sum(bool(re.match(r'\s+\{ "', line)) for line in lines)
    if not path.endswith(".bats"):
        return sum(bool(line) and not line.startswith("#") for line in lines)
    number = 0
    for before, line in zip([""] + lines, lines):
        if line.startswith("@test "):
            several = re.fullmatch(r"# scenarios: (\d+)", before)
            number += int(several[1]) if several else 1
    return number


def main():
    write = "--write" in sys.argv
    os.chdir(os.environ.get("CBUILD_SRCDIR", "."))
    with open(PAGE, encoding="utf-8") as page:
        lines = page.read().splitlines()
    wrong, total, rows = [], 0, 0
    for at, line in enumerate(lines):
        row = ROW.match(line)
        if not row:
            continue
        tests = re.findall(r"`(tests/[^`]+)`", row["tests"])
        missing = [test for test in tests if not os.path.exists(test)]
        found = sum(count(test) for test in tests if test not in missing)
        if missing or not tests:
            wrong.append(f"{row['input']}: {', '.join(missing) or 'no tests'}: not there")
        elif write:
            lines[at] = line.replace(f"| {row['number']} |", f"| {found} |")
        elif found < int(row["number"]):
            wrong.append(f"{row['input']}: {row['number']} are told and {found} are there: tests/scenarios.py --write")
        total += found if write else int(row["number"])
        rows += 1
    text = "\n".join(lines) + "\n"
    if write:
        with open(PAGE, "w", encoding="utf-8") as page:
            page.write(TOTAL.sub(f"**{total} scenarios**", text))
        return
    said = TOTAL.search(text)
    if not said or int(said[1]) != total:
        wrong.append(f"the sum is {total}")
    print("1..2")
    print(f"{'ok' if rows > 10 else 'not ok'} 1 - {PAGE} has its table")
    print(f"{'not ok' if wrong else 'ok'} 2 - {PAGE} tells no more than the tests show")
    print("".join(f"# {line}\n" for line in wrong), end="")
    sys.exit(1 if wrong or rows <= 10 else 0)


if __name__ == "__main__":
    main()
