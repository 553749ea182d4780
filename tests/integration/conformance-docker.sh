#!/bin/sh
# The conformance suite with docker as the builder: the same cases, the same file.
src=${CBUILD_SRCDIR:-.}
CBUILD_BUILDER=docker exec "$src/tests/lib/own-network" bats --tap "$src/tests/integration/conformance.bats"
