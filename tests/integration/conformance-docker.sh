#!/bin/sh
# The conformance suite with docker as the builder: the same cases, the same file.
CBUILD_BUILDER=docker exec bats --tap "${CBUILD_SRCDIR:-.}/tests/integration/conformance.bats"
